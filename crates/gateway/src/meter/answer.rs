//! What the spool keeps of an answer, and the leaf made of it: facts and digests, never a prompt or a text.
//!
//! A leaf is JSON without blanks, its fields in the order of [`Leaf`], hashed as RFC 6962 hashes leaves. Its salt
//! keeps somebody who sees only its hash (in the path of another answer) from guessing what it is of.

use ledger::{Hash, leaf_hash};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use units::{Digest, Id, kinds};

use crate::meter::counts::Line;

/// Value of a leaf's field `format`.
pub(crate) const LEAF_FORMAT: &str = "cocarde-answer/v1";
/// Bytes that a leaf mostly fits in.
const LEAF_BYTES: usize = 640;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// The facts of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The id that the client was given, such as `chatcmpl-01j…`.
    pub(crate) id: String,
    /// The model by its public name.
    pub(crate) model: String,
    /// Where the replica stands that answered, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<Id<kinds::Site>>,
    /// When it ended, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// Whether it came to its end.
    pub(crate) complete: bool,
    /// Bytes of the answer's body as they went to the client.
    pub(crate) bytes: u64,
    /// Their SHA-256.
    pub(crate) sha256: Digest,
    /// 32 hexadecimal digits.
    pub(crate) salt: String,
}

/// A leaf, in the order of its fields.
#[derive(Debug, Serialize)]
struct Leaf<'a> {
    format: &'static str,
    id: &'a str,
    at_ms: i64,
    key: Id<kinds::Key>,
    endpoint: Id<kinds::Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<Id<kinds::Site>>,
    model: &'a str,
    tokens_in: u64,
    tokens_out: u64,
    estimated: bool,
    complete: bool,
    bytes: u64,
    sha256: Digest,
    salt: &'a str,
}

impl Line {
    /// The leaf's bytes; `None` without an answer.
    pub(super) fn leaf(&self) -> Option<Vec<u8>> {
        let entry = &self.entry;
        let answer = entry.answer.as_ref()?;
        let leaf = Leaf {
            format: LEAF_FORMAT,
            id: &answer.id,
            at_ms: answer.at_ms,
            key: entry.key,
            endpoint: entry.endpoint,
            site: answer.site,
            model: &answer.model,
            tokens_in: entry.prompt_tokens,
            tokens_out: entry.completion_tokens,
            estimated: entry.estimated,
            complete: answer.complete,
            bytes: answer.bytes,
            sha256: answer.sha256,
            salt: &answer.salt,
        };
        let mut text = Vec::with_capacity(LEAF_BYTES);
        // Plain fields are always JSON; a leaf that could not be written would be no leaf.
        serde_json::to_writer(&mut text, &leaf).ok().map(|()| text)
    }

    /// The leaf's hash.
    pub(super) fn leaf_hash(&self) -> Option<Hash> {
        self.leaf().map(|leaf| leaf_hash(&leaf))
    }
}

/// An answer while it is passed on: its bytes are hashed as they go out and never held.
#[derive(Debug)]
pub(crate) struct Said {
    id: String,
    model: String,
    site: Option<Id<kinds::Site>>,
    bytes: u64,
    hasher: Sha256,
}

impl Said {
    /// Nothing was said yet under this id.
    pub(crate) fn new(id: String, model: String) -> Self {
        Self { id, model, site: None, bytes: 0, hasher: Sha256::new() }
    }

    /// Notes who answers.
    pub(crate) fn at(&mut self, site: Option<Id<kinds::Site>>) {
        self.site = site;
    }

    /// Takes what is about to go to the client.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.hasher.update(bytes);
    }

    /// The facts; `None` if nothing was said.
    pub(crate) fn finish(self, complete: bool, at_ms: i64, salt_seed: &[u8]) -> Option<Answer> {
        let Self { id, model, site, bytes, hasher } = self;
        if bytes == 0 {
            return None;
        }
        let salted = Sha256::new().chain_update(salt_seed).chain_update(id.as_bytes()).finalize();
        let mut salt = Digest(salted.into()).hex();
        salt.truncate(2 * SALT_BYTES);
        let sha256 = Digest(hasher.finalize().into());
        Some(Answer { id, model, site, at_ms, complete, bytes, sha256, salt })
    }
}
