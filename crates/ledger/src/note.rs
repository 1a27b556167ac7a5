//! C2SP `signed-note` 1.0: a text and signature lines over it. Parsing (here) is strict and says
//! nothing about trust; only [`SignedNote::verify`] with a known key does. The text must never be
//! shown or used before that.

pub(crate) mod key;

pub use key::{SigningKey, VerifierKey};

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most bytes in a note, signatures included.
pub const NOTE_BYTES_MAX: usize = 1_000_000;

/// Most signature lines in a note.
pub const SIGNATURES_MAX: usize = 100;

/// Em dash and space open a signature line.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// A parsed note. Its `Display` is the exact text form that was, or can be, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line, of any algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key that claims to have signed.
    pub key_name: String,
    /// The key's short id; with the name it tells which key to check with.
    pub key_id: u32,
    /// Bytes of the signature, at least one.
    pub signature: Vec<u8>,
}

/// Why a note or key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A key name that the format cannot carry.
    #[error("`{name}` cannot name a key; use a text like `example.com/log` without space or `+`")]
    KeyName {
        /// Name as given.
        name: String,
    },
    /// Not an encoded verifier key.
    #[error("this is not an Ed25519 verifier key; write it as `name+hash+base64`, copied whole")]
    VerifierKey,
    /// Not an encoded signer key. The text is secret and not repeated.
    #[error("this is not an Ed25519 signer key; it starts with `PRIVATE+KEY+`, copy it whole")]
    SignerKey,
    /// A text that cannot be signed or read as a note.
    #[error("a note's text ends with a newline and has no other control character; remove those")]
    Text,
    /// More than [`NOTE_BYTES_MAX`].
    #[error("a note has at most {NOTE_BYTES_MAX} bytes, this one has {bytes}; sign a digest")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
    },
    /// No blank line with signature lines after it.
    #[error("the note has no signature lines after a blank line; fetch the whole file again")]
    NoSignatures,
    /// More than [`SIGNATURES_MAX`].
    #[error("a note has at most {SIGNATURES_MAX} signatures, this one has {count}; drop some")]
    TooManySignatures {
        /// Lines found.
        count: usize,
    },
    /// A signature line of another form.
    #[error("signature line {line} is not `\u{2014} name base64`; fetch the note again")]
    SignatureLine {
        /// Line after the blank one, from 1.
        line: usize,
    },
    /// None of the signatures is by the wanted key.
    #[error("the note is not signed by key `{name}`; check that this is the log's verifier key")]
    NotSignedBy {
        /// Name of the wanted key.
        name: String,
    },
    /// The wanted key's signature does not fit the text: one of the two was changed.
    #[error("the signature by `{name}` does not fit the text: the note was changed; do not use it")]
    BadSignature {
        /// Name of the key.
        name: String,
    },
}

impl SignedNote {
    /// Signs a text, which must end with a newline and have no other control character.
    ///
    /// # Errors
    /// `Text` or `TooLarge`.
    pub fn sign(text: &str, key: &SigningKey) -> Result<Self, NoteError> {
        check_characters(text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::Text);
        }
        let note = SignedNote { text: text.to_owned(), signatures: vec![key.sign_text(text)] };
        let bytes = note.to_string().len();
        if bytes > NOTE_BYTES_MAX { Err(NoteError::TooLarge { bytes }) } else { Ok(note) }
    }

    /// Reads a note without trusting it.
    ///
    /// # Errors
    /// For every departure from the format; unknown algorithms are kept, not refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge { bytes: bytes.len() });
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        check_characters(whole)?;
        // The last empty line separates; the text keeps its own final newline. Like Go, search
        // from the right, so that overlapping newlines leave no empty signature line.
        let blank = whole.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, rest) =
            whole.split_at_checked(blank.saturating_add(1)).ok_or(NoteError::NoSignatures)?;
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.filter(|lines| !lines.is_empty()).ok_or(NoteError::NoSignatures)?;
        let count = lines.split('\n').count();
        if count > SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures { count });
        }
        let signatures = (1..)
            .zip(lines.split('\n'))
            .map(|(line, text)| NoteSignature::parse(text).ok_or(NoteError::SignatureLine { line }))
            .collect::<Result<_, _>>()?;
        Ok(SignedNote { text: text.to_owned(), signatures })
    }

    /// The signed text, with its final newline. Do not use it before [`verify`](Self::verify).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines, verified or not.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line, such as a witness's.
    ///
    /// # Errors
    /// `KeyName`, `SignatureLine` when it has no bytes, or a limit of the format.
    pub fn add_signature(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        key::check_name(&signature.key_name)?;
        let line = self.signatures.len().saturating_add(1);
        if signature.signature.is_empty() {
            return Err(NoteError::SignatureLine { line });
        }
        if line > SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures { count: line });
        }
        self.signatures.push(signature);
        let bytes = self.to_string().len();
        if bytes > NOTE_BYTES_MAX {
            self.signatures.pop();
            return Err(NoteError::TooLarge { bytes });
        }
        Ok(())
    }

    /// Checks that `key` signed the text. Lines of other keys are ignored; every line of this key
    /// must hold, which is stricter than needed and refuses any change to them.
    ///
    /// # Errors
    /// `NotSignedBy` or `BadSignature`.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut own = self
            .signatures
            .iter()
            .filter(|line| line.key_id == key.id() && line.key_name == key.name())
            .peekable();
        if own.peek().is_none() {
            return Err(NoteError::NotSignedBy { name: key.name().to_owned() });
        }
        if own.all(|line| key.verifies(self.text.as_bytes(), &line.signature)) {
            return Ok(());
        }
        Err(NoteError::BadSignature { name: key.name().to_owned() })
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        for line in &self.signatures {
            writeln!(formatter, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for NoteSignature {
    /// The line without its final newline.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(formatter, "{SIGNATURE_PREFIX}{} {}", self.key_name, STANDARD.encode(bytes))
    }
}

impl NoteSignature {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (key_name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        key::check_name(key_name).ok()?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, signature) = bytes.split_first_chunk::<4>()?;
        if signature.is_empty() {
            return None;
        }
        Some(NoteSignature {
            key_name: key_name.to_owned(),
            key_id: u32::from_be_bytes(*key_id),
            signature: signature.to_vec(),
        })
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    let bad = text.bytes().any(|byte| byte < b' ' && byte != b'\n');
    if bad { Err(NoteError::Text) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
