//! C2SP `tlog-checkpoint` 1.0: origin, size and root of a log as a signed note of three lines.
//! A checkpoint must never be used before [`Checkpoint::open`] has checked key and origin.

use std::fmt;
use std::str::FromStr;

use crate::hash::{EMPTY_ROOT, Hash};
use crate::note::{NoteError, SignedNote, SigningKey, VerifierKey};
use crate::tree::TreeHead;

/// What a log states about itself at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it is not in order or not signed by the wanted key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// An origin that a line cannot carry.
    #[error("`{origin}` cannot be an origin; use one non-empty line like `example.com/log`")]
    Origin {
        /// Origin as given.
        origin: String,
    },
    /// The text is not three lines of origin, size and root.
    #[error("a checkpoint is three lines: origin, size, root; fetch it again")]
    Lines,
    /// The second line is not a plain decimal number.
    #[error("`{text}` is not a tree size: decimal digits without leading zero; fetch it again")]
    Size {
        /// Line as found.
        text: String,
    },
    /// The third line is not a hash.
    #[error("`{text}` is not a root hash: base64 of 32 bytes; fetch the checkpoint again")]
    Root {
        /// Line as found.
        text: String,
    },
    /// Size 0 with a root that the empty tree does not have.
    #[error("a checkpoint of size 0 has root {found} instead of {EMPTY_ROOT}; do not use it")]
    EmptyRoot {
        /// Root as found.
        found: Hash,
    },
    /// A true checkpoint, of another log.
    #[error("this is a checkpoint of log `{found}`, not of `{expected}`; use that log's file")]
    OtherLog {
        /// Origin wanted.
        expected: String,
        /// Origin found.
        found: String,
    },
}

impl Checkpoint {
    /// A statement that the log `origin` has this size and root.
    ///
    /// # Errors
    /// `Origin` when it is empty or not one line, `EmptyRoot` when size 0 has another root.
    pub fn new(origin: &str, head: TreeHead) -> Result<Self, CheckpointError> {
        if origin.is_empty() || origin.chars().any(char::is_control) {
            return Err(CheckpointError::Origin { origin: cut(origin) });
        }
        if head.size == 0 && head.root != EMPTY_ROOT {
            return Err(CheckpointError::EmptyRoot { found: head.root });
        }
        Ok(Checkpoint { origin: origin.to_owned(), head })
    }

    /// The log's unique name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root, which are only trusted together.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// Root of these entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.head.root
    }

    /// Signs; the `Display` of the result is the file served as `checkpoint`. The caller must have
    /// made sure that the log is consistent with every checkpoint it signed before.
    ///
    /// # Errors
    /// `Note` when the text cannot be a note.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedNote, CheckpointError> {
        Ok(SignedNote::sign(&self.to_string(), key)?)
    }

    /// Reads a signed checkpoint, accepting it only when `key` signed it for the log `origin`.
    ///
    /// # Errors
    /// `Note` for form and signature, `OtherLog`, and the errors of reading the text.
    pub fn open(note: &[u8], key: &VerifierKey, origin: &str) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(note)?;
        // The signature first: an unsigned text is not looked at.
        note.verify(key)?;
        let checkpoint: Checkpoint = note.text().parse()?;
        if checkpoint.origin != origin {
            let expected = origin.to_owned();
            return Err(CheckpointError::OtherLog { expected, found: checkpoint.origin });
        }
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n{}\n{}\n", self.origin, self.head.size, self.head.root)
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    /// Reads the unsigned text. Extension lines are refused: no auditor can check them, and logs
    /// of this crate write none.
    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let (checkpoint, rest) = read_lines(text)?;
        if rest.is_some() { Err(CheckpointError::Lines) } else { Ok(checkpoint) }
    }
}

impl Checkpoint {
    /// Reads the unsigned text of any log. Extension lines, which logs of others may write, are read
    /// over: nobody can check them, and nothing may be decided on them.
    ///
    /// # Errors
    /// Those of the text; an empty extension line is `Lines`.
    pub fn read_with_extensions(text: &str) -> Result<Self, CheckpointError> {
        let (checkpoint, rest) = read_lines(text)?;
        let is_empty = rest.is_some_and(|rest| rest.split('\n').any(str::is_empty));
        if is_empty { Err(CheckpointError::Lines) } else { Ok(checkpoint) }
    }
}

/// The first three lines, and what follows them without its final newline.
fn read_lines(text: &str) -> Result<(Checkpoint, Option<&str>), CheckpointError> {
    let text = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
    let mut lines = text.splitn(4, '\n');
    let (Some(origin), Some(size_text), Some(root_text)) =
        (lines.next(), lines.next(), lines.next())
    else {
        return Err(CheckpointError::Lines);
    };
    let size = size_text.parse::<u64>().ok().filter(|size| size.to_string() == size_text);
    let size = size.ok_or_else(|| CheckpointError::Size { text: cut(size_text) })?;
    let root = root_text.parse::<Hash>();
    let root = root.map_err(|_| CheckpointError::Root { text: cut(root_text) })?;
    Ok((Checkpoint::new(origin, TreeHead { size, root })?, lines.next()))
}

/// Keeps messages short whatever was in the file.
fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
