//! Checkpoints that others have kept or cosigned, held against the log: earlier ones an auditor has, the
//! final one with its witnesses, and whether the log's clock agrees with theirs.

use std::collections::{BTreeMap, VecDeque};

use ledger::cosignature::Quorum;
use ledger::{Checkpoint, SignedNote, Verifier, VerifierKey};
use units::UnixMicros;

use super::List;

/// How far an entry's time may lie after that of witnesses who had seen it already: clocks differ.
const CLOCK_SKEW_S: u64 = 120;

/// Checkpoints from outside the log, and what they say.
#[derive(Debug, Default)]
pub(super) struct Witnessed {
    /// By size, each given once before the entry at that position.
    notes: VecDeque<(u64, Vec<u8>)>,
    /// By size, the earliest time of a cosignature.
    times: BTreeMap<u64, u64>,
    pub(super) final_size: Option<u64>,
    pub(super) cosignatures: u64,
    pub(super) clock_checks: u64,
}

/// What a checkpoint from outside is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Kept by the auditor.
    Earlier,
    /// Said to be final.
    Final,
    /// The log's newest.
    Newest,
}

impl Witnessed {
    /// Takes a checkpoint. Whether the log is as it says is found when its size is reached.
    pub(super) fn take(
        &mut self,
        note: &[u8],
        origin: Origin,
        (key, quorum): (&VerifierKey, &Quorum),
        list: &mut List,
    ) {
        let opened = Checkpoint::open(note, key, key.name());
        let size = match &opened {
            Ok(checkpoint) => checkpoint.size(),
            Err(error) => {
                let what = match origin {
                    Origin::Earlier => "an earlier checkpoint that was given",
                    Origin::Final => "the final checkpoint",
                    Origin::Newest => "the newest checkpoint",
                };
                list.push(None, format!("{what} is refused: {error}"));
                return;
            }
        };
        let place = self.notes.partition_point(|(other, _)| *other <= size);
        self.notes.insert(place, (size, note.to_vec()));
        let Ok(note) = SignedNote::parse(note) else { return };
        let tally = quorum.tally(&note);
        for name in &tally.broken {
            let message = format!("the cosignature by `{name}` does not fit: the note was changed");
            list.push(size.checked_sub(1), message);
        }
        if let Some(earliest) = tally.cosignatures.iter().map(|one| one.time_s).min() {
            let known = self.times.entry(size).or_insert(earliest);
            *known = earliest.min(*known);
        }
        let count = u64::try_from(tally.cosignatures.len()).unwrap_or(u64::MAX);
        if tally.is_final() {
            if self.final_size.is_none_or(|known| known <= size) {
                self.final_size = Some(size);
                self.cosignatures = count;
            }
        } else if origin == Origin::Final && tally.needed > 0 {
            let needed = tally.needed;
            let message = format!("the final checkpoint has {count} of {needed} cosignatures");
            list.push(size.checked_sub(1), message);
        }
    }

    /// Gives the verifier the checkpoints that were kept outside of the log, up to a size.
    pub(super) fn give_until(&mut self, verifier: &mut Verifier, size: u64) {
        while let Some((_, note)) = self.notes.pop_front_if(|(at, _)| *at <= size) {
            verifier.checkpoint(&note);
        }
    }

    /// True if the time of the entry at this position is wanted.
    pub(super) fn wants_time(&self, seq: u64) -> bool {
        self.times.contains_key(&seq.saturating_add(1))
    }

    /// Compares an entry's time with that of the witnesses who saw it last.
    pub(super) fn entry_time(&mut self, seq: u64, at: UnixMicros, list: &mut List) {
        let Some(seen_s) = self.times.remove(&seq.saturating_add(1)) else { return };
        self.clock_checks = self.clock_checks.saturating_add(1);
        let latest = i64::try_from(seen_s.saturating_add(CLOCK_SKEW_S)).unwrap_or(i64::MAX);
        if at.secs() > latest {
            let ahead = at.secs().saturating_sub(i64::try_from(seen_s).unwrap_or(i64::MAX));
            let message = format!(
                "it is dated {ahead} s after witnesses had seen it: the platform's clock was ahead, or was set back since"
            );
            list.push(Some(seq), message);
        }
    }
}
