//! One text of a streamed answer on its way through the rules: what has been shown, and what is held back.
//!
//! INVARIANT: of a text only what more characters than the longest window behind its end is shown, until it
//! ends; so a match of at most a window's characters is found before its first character is shown. As many
//! characters that were shown are remembered, so that longer matches are still found, if too late to hide all.

use std::ops::Range;

use super::{Check, CheckAction, Checks, Hits, Looks, Refused, answer::WHAT};

/// One text.
#[derive(Debug, Default)]
pub(super) struct Channel {
    /// What is remembered of what was shown, and what is held back.
    text: String,
    /// Where what is held back begins.
    shown: usize,
    /// Where something stands in place of what matched, in order.
    replaced: Vec<Range<usize>>,
    /// Rules that only report and have, by their place.
    reported: u64,
    /// Whether it was said to have ended; it may go on nevertheless.
    has_ended: bool,
}

/// Bytes of the last characters of a text.
fn tail(text: &str, chars: usize) -> usize {
    match chars.checked_sub(1) {
        None => 0,
        Some(nth) => {
            text.char_indices().rev().nth(nth).map_or(text.len(), |(at, _)| text.len() - at)
        }
    }
}

impl Channel {
    /// Takes what came; gives what may be shown now. At the end nothing stays behind.
    pub(super) fn push(
        &mut self,
        checks: &Checks,
        piece: &str,
        is_end: bool,
        hits: &mut Hits,
    ) -> Result<String, Refused> {
        self.text.push_str(piece);
        let mut window = 0;
        let mut boundary = self.text.len();
        for (place, check) in checks.of_answers().enumerate() {
            let Looks::Pattern { window_chars, .. } = &check.looks else { continue };
            match check.spec.action {
                CheckAction::Refuse => self.refuse(check)?,
                CheckAction::Report => self.report(check, place, hits),
                CheckAction::Redact => {
                    if self.has_ended {
                        self.refuse_begun(check)?;
                    }
                    let open = self.redact(check, *window_chars, is_end, hits);
                    boundary = boundary.min(open.unwrap_or(usize::MAX));
                }
            }
            if check.holds_back() {
                window = window.max(*window_chars);
            }
        }
        if is_end {
            boundary = self.text.len();
        } else {
            // Replacing has changed the length; a boundary is never after the end.
            let held_from = self.text.len() - tail(&self.text, window);
            boundary = boundary.min(held_from).max(self.shown);
        }
        let out = self.text.get(self.shown..boundary).unwrap_or_default().to_owned();
        self.shown = boundary;
        self.has_ended |= is_end;
        self.forget(window.max(1));
        Ok(out)
    }

    fn refuse(&self, check: &Check) -> Result<(), Refused> {
        let Looks::Pattern { regex, .. } = &check.looks else { return Ok(()) };
        if regex.is_match(&self.text) { Err(check.refused(WHAT)) } else { Ok(()) }
    }

    /// A match whose beginning was shown with what seemed the end of its text cannot be replaced any more.
    fn refuse_begun(&self, check: &Check) -> Result<(), Refused> {
        let Looks::Pattern { regex, .. } = &check.looks else { return Ok(()) };
        let is_begun = |one: regex::Match<'_>| one.start() < self.shown && self.shown < one.end();
        if regex.find_iter(&self.text).any(is_begun) { Err(check.refused(WHAT)) } else { Ok(()) }
    }

    fn report(&mut self, check: &Check, place: usize, hits: &mut Hits) {
        let Looks::Pattern { regex, .. } = &check.looks else { return };
        let bit = 1_u64.checked_shl(u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or(0);
        if self.reported & bit == 0 && regex.is_match(&self.text) {
            self.reported |= bit;
            hits.reported = hits.reported.saturating_add(1);
        }
    }

    /// Replaces what matches in what is held back; a match that reaches the end may still grow, and is left
    /// for as long as it may be held. Tells where such a match begins. What stands in place of something is
    /// not looked at again.
    fn redact(
        &mut self,
        check: &Check,
        window_chars: usize,
        is_end: bool,
        hits: &mut Hits,
    ) -> Option<usize> {
        let Looks::Pattern { regex, .. } = &check.looks else { return None };
        let whole = self.text.len();
        let (mut open, mut found, mut from) = (None, Vec::new(), self.shown);
        let gaps = self.replaced.iter().map(|one| (one.start, one.end)).chain([(whole, whole)]);
        for (end, next) in gaps {
            let text = self.text.get(..end).unwrap_or_default();
            while from < text.len() {
                let Some(one) = regex.find_at(text, from).filter(|one| !one.is_empty()) else {
                    break;
                };
                let is_long = one.as_str().chars().count() > window_chars;
                if one.end() == whole && !is_end && !is_long {
                    open = Some(one.start());
                    break;
                }
                found.push(one.range());
                from = one.end();
            }
            from = from.max(next);
        }
        let replacement = check.replacement();
        for range in found.into_iter().rev() {
            let length = range.len();
            let moved = |at: usize| at.saturating_sub(length).saturating_add(replacement.len());
            for later in self.replaced.iter_mut().filter(|one| one.start >= range.end) {
                *later = moved(later.start)..moved(later.end);
            }
            open = open.map(moved);
            let place = self.replaced.partition_point(|one| one.start < range.start);
            self.replaced.insert(place, range.start..range.start + replacement.len());
            self.text.replace_range(range, &replacement);
            hits.redacted = hits.redacted.saturating_add(1);
        }
        open
    }

    /// Remembers no more of what was shown than a window.
    fn forget(&mut self, chars: usize) {
        let shown = self.text.get(..self.shown).unwrap_or_default();
        let drop = shown.len() - tail(shown, chars);
        let still = self.shown;
        self.replaced.retain(|one| one.end > still);
        for one in &mut self.replaced {
            *one = one.start.saturating_sub(drop)..one.end.saturating_sub(drop);
        }
        self.text.drain(..drop);
        self.shown -= drop;
    }
}
