//! When a checkpoint is final: k of n known witnesses cosigned it. A witness counts once, whatever it
//! signed how often, and so does a key: an Ed25519 cosignature does not name its witness, so one key under two
//! names would count twice for one person.

use super::CosignerKey;
use crate::note::{NoteError, SignedNote};

/// Most witnesses of a log.
pub const WITNESSES_MAX: usize = 32;

/// Known witnesses and how many of them must agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quorum {
    witnesses: Vec<CosignerKey>,
    needed: usize,
}

/// One witness's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness.
    pub name: String,
    /// When it signed, in seconds since 1970.
    pub time_s: u64,
}

/// What the known witnesses say of one note.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cosignatures that hold, one for each witness, in the order in which witnesses are known.
    pub cosignatures: Vec<Cosignature>,
    /// Known witnesses whose line does not fit the text: it was changed.
    pub broken: Vec<String>,
    /// How many are needed.
    pub needed: usize,
}

/// Why a set of witnesses is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// Not an encoded witness key.
    #[error(
        "`{text}` is not the key of a witness; copy the line `name+hash+base64` that `cocarde witness` prints, whole"
    )]
    Key {
        /// Text as given, cut.
        text: String,
    },
    /// More needed than there are, or none of some.
    #[error("a quorum of {needed} of {known} witnesses cannot be; use 1 to {known}")]
    Needed {
        /// How many were asked for.
        needed: usize,
        /// Witnesses known.
        known: usize,
    },
    /// The same name or key twice.
    #[error("witness `{name}` shares its name or key with another; each counts once, drop one")]
    Twice {
        /// The second one's name.
        name: String,
    },
    /// Above [`WITNESSES_MAX`].
    #[error("{count} witnesses are more than {WITNESSES_MAX}; drop some")]
    TooMany {
        /// How many were given.
        count: usize,
    },
}

impl Quorum {
    /// `needed` of these witnesses. Without witnesses `needed` is 0 and nothing is ever final.
    ///
    /// # Errors
    /// `Needed`, `Twice` or `TooMany`.
    pub fn new(witnesses: Vec<CosignerKey>, needed: usize) -> Result<Self, QuorumError> {
        let known = witnesses.len();
        if known > WITNESSES_MAX {
            return Err(QuorumError::TooMany { count: known });
        }
        if needed > known || (needed == 0 && known > 0) {
            return Err(QuorumError::Needed { needed, known });
        }
        let mut seen: Vec<&CosignerKey> = Vec::with_capacity(known);
        for key in &witnesses {
            let same = |other: &&CosignerKey| {
                other.name() == key.name() || other.public_bytes() == key.public_bytes()
            };
            if seen.iter().any(same) {
                return Err(QuorumError::Twice { name: key.name().to_owned() });
            }
            seen.push(key);
        }
        Ok(Self { witnesses, needed })
    }

    /// The known witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[CosignerKey] {
        &self.witnesses
    }

    /// How many must agree; 0 only without witnesses.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// What the known witnesses say of a note. Its log's signature is checked elsewhere.
    #[must_use]
    pub fn tally(&self, note: &SignedNote) -> Tally {
        let mut tally = Tally { needed: self.needed, ..Tally::default() };
        for key in &self.witnesses {
            let name = key.name().to_owned();
            match key.verify(note) {
                Ok(time_s) => tally.cosignatures.push(Cosignature { name, time_s }),
                Err(NoteError::NotSignedBy { .. }) => {}
                Err(_) => tally.broken.push(name),
            }
        }
        tally
    }
}

impl Tally {
    /// Whether enough witnesses agree. Never without witnesses.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.needed > 0 && self.cosignatures.len() >= self.needed
    }

    /// The time at which the quorum was complete, in seconds since 1970: the needed-th earliest.
    #[must_use]
    pub fn final_time_s(&self) -> Option<u64> {
        let mut times: Vec<u64> = self.cosignatures.iter().map(|one| one.time_s).collect();
        times.sort_unstable();
        times.get(self.needed.checked_sub(1)?).copied()
    }
}
