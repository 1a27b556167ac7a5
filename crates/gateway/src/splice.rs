//! The answer's id and model put into a JSON object where it lies, and what its top level says.
//!
//! One pass over the text, which copies nothing: values that are not changed go on byte for byte. It reads
//! less than a parser and therefore decides less: whatever is not plainly an object with each known member
//! once is left to [`crate::json::Fields`]. What comes out must be the same both ways.

use std::ops::Range;

use memchr::memchr2;

#[cfg(test)]
mod tests;

/// Deepest nesting that is followed here.
const DEPTH_MAX: usize = 64;

/// What an answer, or a chunk of one, has on its top level.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Top {
    id: Option<Member>,
    model: Option<Member>,
    usage: Option<Member>,
    choices: Option<Member>,
    error: Option<Member>,
    /// Where the object's closing brace is.
    close: usize,
    n_members: usize,
}

/// Where a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    /// From its name to the next member's name, or with the comma before it if it is the last.
    whole: Range<usize>,
    value: Range<usize>,
}

/// What is changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    /// The public model name as JSON, in the place of another.
    pub(crate) model_json: &'a str,
    /// The answer's id as JSON.
    pub(crate) id_json: &'a str,
    /// Whether the id is added where there is none.
    pub(crate) add_id: bool,
    /// Whether `usage` is left out.
    pub(crate) hide_usage: bool,
}

impl Top {
    /// Looks at an object; `None` for anything that is not plain enough.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        let mut top = Self::default();
        let mut at = after_space(text, 0);
        at = expect(text, at, b'{')?;
        let mut comma = None;
        loop {
            at = after_space(text, at);
            if text.get(at) == Some(&b'}') && top.n_members == 0 {
                break;
            }
            let name_at = at;
            let name_end = after_string(text, expect(text, at, b'"')?)?;
            let name = text.get(name_at.saturating_add(1)..name_end.saturating_sub(1))?;
            at = expect(text, after_space(text, name_end), b':')?;
            let value_at = after_space(text, at);
            let value = value_at..after_value(text, value_at)?;
            at = after_space(text, value.end);
            top.n_members = top.n_members.saturating_add(1);
            let is_last = text.get(at) == Some(&b'}');
            let whole = match (is_last, comma) {
                (false, _) => name_at..after_space(text, expect(text, at, b',')?),
                (true, Some(comma)) => comma..value.end,
                (true, None) => name_at..value.end,
            };
            let slot = match name {
                b"id" => Some(&mut top.id),
                b"model" => Some(&mut top.model),
                b"usage" => Some(&mut top.usage),
                b"choices" => Some(&mut top.choices),
                b"error" => Some(&mut top.error),
                // A name in another spelling could be one of these.
                other if other.contains(&b'\\') => return None,
                _ => None,
            };
            if let Some(slot) = slot
                && slot.replace(Member { whole, value }).is_some()
            {
                return None;
            }
            if is_last {
                break;
            }
            comma = Some(at);
            at = at.saturating_add(1);
        }
        top.close = at;
        let is_all = after_space(text, at.saturating_add(1)) == text.len();
        is_all.then_some(top)
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.n_members == 0
    }

    /// The text of `usage`, unless it is `null`.
    pub(crate) fn usage<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        told(self.usage.as_ref(), text)
    }

    /// Whether it tells of an error.
    pub(crate) fn has_error(&self, text: &[u8]) -> bool {
        told(self.error.as_ref(), text).is_some()
    }

    /// The text of `choices`, unless it is `null`.
    pub(crate) fn choices<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        told(self.choices.as_ref(), text)
    }

    /// Whether there is a member `choices`, `null` included.
    pub(crate) fn names_choices(&self) -> bool {
        self.choices.is_some()
    }

    /// Appends the text with its changes.
    pub(crate) fn write(&self, text: &[u8], change: Change<'_>, out: &mut Vec<u8>) {
        let mut edits: [Option<(Range<usize>, &str)>; 3] = [None, None, None];
        if let Some(id) = &self.id {
            edits[0] = Some((id.value.clone(), change.id_json));
        }
        if let Some(model) = &self.model {
            edits[1] = Some((model.value.clone(), change.model_json));
        }
        if let Some(usage) = self.usage.as_ref().filter(|_| change.hide_usage) {
            edits[2] = Some((usage.whole.clone(), ""));
        }
        edits.sort_unstable_by_key(|edit| edit.as_ref().map(|(range, _)| range.start));
        let mut at = 0;
        for (range, new) in edits.into_iter().flatten() {
            out.extend_from_slice(text.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(new.as_bytes());
            at = range.end;
        }
        if self.id.is_some() || !change.add_id {
            out.extend_from_slice(text.get(at..).unwrap_or_default());
            return;
        }
        out.extend_from_slice(text.get(at..self.close).unwrap_or_default());
        let n_hidden = usize::from(self.usage.is_some() && change.hide_usage);
        let comma: &[u8] = if self.n_members > n_hidden { b"," } else { b"" };
        out.extend_from_slice(comma);
        out.extend_from_slice(b"\"id\":");
        out.extend_from_slice(change.id_json.as_bytes());
        out.extend_from_slice(text.get(self.close..).unwrap_or_default());
    }
}

/// A value that is not `null`.
fn told<'a>(member: Option<&Member>, text: &'a [u8]) -> Option<&'a [u8]> {
    let value = text.get(member?.value.clone())?;
    (value != b"null").then_some(value)
}

fn after_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at = at.saturating_add(1);
    }
    at
}

fn expect(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    (text.get(at) == Some(&byte)).then(|| at.saturating_add(1))
}

/// The place after a string whose opening quote is before `at`.
pub(crate) fn after_string(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let next = at.checked_add(memchr2(b'"', b'\\', text.get(at..)?)?)?;
        match text.get(next)? {
            b'"' => return next.checked_add(1),
            // Whatever is escaped is one byte at least, and none of its others is a quote.
            _ => at = next.checked_add(2)?,
        }
    }
}

fn after_value(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => after_string(text, at.checked_add(1)?),
        b'{' | b'[' => after_nest(text, at),
        _ => {
            let is_end =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            let length = text.get(at..)?.iter().position(is_end)?;
            (length > 0).then(|| at.saturating_add(length))
        }
    }
}

/// The place after an array or object.
fn after_nest(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match text.get(at)? {
            b'"' => {
                at = after_string(text, at.checked_add(1)?)?;
                continue;
            }
            b'{' | b'[' => depth = depth.checked_add(1).filter(|depth| *depth <= DEPTH_MAX)?,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at = at.checked_add(1)?;
        if depth == 0 {
            return Some(at);
        }
    }
}
