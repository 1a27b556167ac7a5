//! Capability tokens: what a key or a person may do, in a token that its holder can narrow without
//! asking anybody (Biscuit, ADR 22).
//!
//! The platform's root key signs the first block, which names the holder and nothing else. Every block
//! after that only takes away. A token is never more than its holder: the holder's key or account is
//! looked up each time, so that whoever revokes it ends every token that was made from it.

mod carried;
mod meter;
mod narrow;

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use biscuit_auth::{
    Algorithm, AuthorizerBuilder, AuthorizerLimits, Biscuit, BiscuitBuilder, KeyPair, PrivateKey,
    builder::{Check, Fact, Op, Term},
    error,
};
use kernel::State;
use sha2::{Digest as _, Sha256};
use units::{Digest, Id, MicroEuro, UnixMicros, kinds};

pub use carried::CarriedCapability;
pub(crate) use meter::{Meter, MeterError};
pub use narrow::{Attenuation, CapabilityError, Described, attenuate, describe};

use super::session::Principal;

/// What every capability token starts with, so that scanners and people recognise it.
pub(crate) const PREFIX: &str = "ccc_";
/// Longest token that is looked at.
pub(crate) const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Most blocks: the first, and what holders have added.
pub(crate) const BLOCKS_MAX: usize = 16;
/// Most conditions of a token in all.
const QUERIES_MAX: usize = 64;
/// Most parts of one condition.
const PARTS_MAX: usize = 8;
/// The root key's file in the folder of sign-in, mode 0600.
const KEY_FILE: &str = "capability-root.key";

/// What a decision may take. The library's own limit is a millisecond of wall time, in which a valid
/// token fails on a busy machine. What bounds the work here is what [`Capability`] accepts at all: no
/// rules, no facts, no functions of functions. The time is only the last resort.
const LIMITS: AuthorizerLimits =
    AuthorizerLimits { max_facts: 256, max_iterations: 16, max_time: Duration::from_secs(5) };

/// The platform's root key for capability tokens.
pub(crate) struct Root(KeyPair);

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Root").field(&self.public_text()).finish()
    }
}

/// Why a token opens nothing, in words for its holder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It is not a token of this platform, or has been changed.
    #[error("the capability token is not one of this platform")]
    Invalid,
    /// It has blocks of a sort that is not accepted.
    #[error("the capability token has {0}")]
    Unsupported(&'static str),
    /// A block of it forbids this.
    #[error("the capability token does not allow this: {0}")]
    Narrowed(String),
    /// It, or what it was made from, was revoked.
    #[error("the capability token was revoked")]
    Revoked,
}

/// What is asked for, as the blocks of a token see it: one fact of each name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// `time`: now.
    pub(crate) now: UnixMicros,
    /// `operation`: an `operationId` of the API, or `inference`.
    pub(crate) operation: &'a str,
    /// `model`: the public name of the model called.
    pub(crate) model: Option<&'a str>,
    /// `country`: where the machine is that would answer.
    pub(crate) country: Option<&'a str>,
}

/// A token whose signatures are right.
#[derive(Debug, Clone)]
pub(crate) struct Capability {
    token: Biscuit,
    /// Whose rights it carries.
    pub(crate) holder: Principal,
    /// One for each block; a token is revoked with any of them.
    pub(crate) revocation_ids: Vec<Digest>,
    /// Which blocks have a condition on what was spent.
    budgeted: Vec<usize>,
}

impl Root {
    /// Reads the root key of a folder, or makes one.
    ///
    /// # Errors
    /// If it cannot be read, made or understood.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(KEY_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(&path)?,
            Err(error) => return Err(error),
        };
        let key = PrivateKey::from_bytes(&bytes, Algorithm::Ed25519).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("`{}`: {error}", path.display()))
        })?;
        Ok(Self(KeyPair::from(&key)))
    }

    /// The public key as Biscuit's tools write it, for whoever verifies tokens elsewhere.
    pub(crate) fn public_text(&self) -> String {
        self.0.public().print()
    }

    /// A token with all rights of its holder.
    ///
    /// # Errors
    /// Only if the library cannot sign.
    pub(crate) fn issue(&self, holder: Principal) -> Result<String, CapabilityError> {
        let text = match holder {
            Principal::Key(id) => id.to_string(),
            Principal::User(id) => id.to_string(),
        };
        let fact = Fact::new("holder".to_owned(), vec![Term::Str(text)]);
        let token = BiscuitBuilder::new().fact(fact).and_then(|b| b.build(&self.0));
        let token = token.and_then(|token| token.to_base64());
        Ok(format!("{PREFIX}{}", token.map_err(|error| CapabilityError::of(&error))?))
    }

    /// Verifies a token's signatures and shape.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn verify(&self, text: &str) -> Result<Capability, Refused> {
        let text = text.strip_prefix(PREFIX).ok_or(Refused::Invalid)?;
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Refused::Invalid);
        }
        let public = self.0.public();
        let token = Biscuit::from_base64(text, public).map_err(|_| Refused::Invalid)?;
        if token.block_count() > BLOCKS_MAX {
            return Err(Refused::Unsupported("too many blocks"));
        }
        if token.external_public_keys().iter().any(Option::is_some) {
            return Err(Refused::Unsupported("a block of a third party"));
        }
        let (holder, budgeted) = shape(&token)?;
        let ids = token.revocation_identifiers();
        let revocation_ids = ids.iter().map(|id| Digest(Sha256::digest(id).into())).collect();
        Ok(Capability { token, holder, revocation_ids, budgeted })
    }
}

impl Capability {
    /// True if it, or a token that it was made from, was revoked.
    pub(crate) fn is_revoked(&self, state: &State) -> bool {
        self.revocation_ids.iter().any(|id| state.revoked_capabilities.contains_key(id))
    }

    /// The blocks with a budget.
    pub(crate) fn budgeted(&self) -> impl Iterator<Item = Digest> + '_ {
        self.budgeted.iter().filter_map(|block| self.revocation_ids.get(*block).copied())
    }

    /// Asks all blocks. `spent` answers what was spent by calls that carried a block.
    ///
    /// # Errors
    /// [`Refused::Narrowed`] with the condition that does not hold.
    pub(crate) fn allow(
        &self,
        asked: Asked<'_>,
        spent: impl Fn(&Digest) -> MicroEuro,
    ) -> Result<(), Refused> {
        let seconds = u64::try_from(asked.now.secs()).unwrap_or(0);
        let mut facts = vec![
            ("time".to_owned(), Term::Date(seconds)),
            ("operation".to_owned(), Term::Str(asked.operation.to_owned())),
        ];
        let texts = [("model", asked.model), ("country", asked.country)];
        for (name, value) in texts {
            facts.extend(value.map(|value| (name.to_owned(), Term::Str(value.to_owned()))));
        }
        for (block, id) in self.revocation_ids.iter().enumerate().skip(1) {
            facts.push((narrow::spent_name(block), Term::Integer(spent(id).0)));
        }
        let mut builder = AuthorizerBuilder::new().set_limits(LIMITS);
        for (name, term) in facts {
            builder = builder.fact(Fact::new(name, vec![term])).map_err(|e| refused(&e))?;
        }
        let builder = builder.policy("allow if true").map_err(|e| refused(&e))?;
        let mut authorizer = builder.build(&self.token).map_err(|e| refused(&e))?;
        authorizer.authorize().map(|_| ()).map_err(|e| refused(&e))
    }
}

fn refused(error: &error::Token) -> Refused {
    let failed = match error {
        error::Token::FailedLogic(
            error::Logic::Unauthorized { checks, .. } | error::Logic::NoMatchingPolicy { checks },
        ) => checks.first(),
        _ => None,
    };
    Refused::Narrowed(match failed {
        Some(error::FailedCheck::Block(check)) => check.rule.chars().take(300).collect(),
        Some(error::FailedCheck::Authorizer(_)) | None => "it cannot be evaluated".to_owned(),
    })
}

/// Accepts a first block with one holder, and further blocks of conditions only. Then each condition
/// meets one fact of each name, and what it costs follows from the token's size: a holder cannot make
/// the platform reckon.
fn shape(token: &Biscuit) -> Result<(Principal, Vec<usize>), Refused> {
    let authorizer = AuthorizerBuilder::new().set_limits(LIMITS).build(token);
    let authorizer = authorizer.map_err(|_| Refused::Invalid)?;
    let (facts, rules, checks, _) = authorizer.dump();
    if !rules.is_empty() {
        return Err(Refused::Unsupported("a rule; only conditions can be added"));
    }
    let [fact] = facts.as_slice() else {
        return Err(Refused::Unsupported("a fact; only conditions can be added"));
    };
    let queries: usize = checks.iter().map(|check| check.queries.len()).sum();
    if queries > QUERIES_MAX {
        return Err(Refused::Unsupported("too many conditions"));
    }
    if !checks.iter().all(is_plain) {
        return Err(Refused::Unsupported("a condition with functions or too many parts"));
    }
    let asks_for = |block: &usize| {
        let name = narrow::spent_name(*block);
        let mut parts =
            checks.iter().flat_map(|check| &check.queries).flat_map(|query| &query.body);
        parts.any(|part| part.name == name)
    };
    let budgeted = (1..token.block_count()).filter(asks_for).collect();
    holder_of(fact).map(|holder| (holder, budgeted)).ok_or(Refused::Invalid)
}

fn is_plain(check: &Check) -> bool {
    check.queries.iter().all(|query| {
        let parts = query.body.len().saturating_add(query.expressions.len());
        let mut ops = query.expressions.iter().flat_map(|expression| &expression.ops);
        parts <= PARTS_MAX
            && query.scopes.is_empty()
            && ops.all(|op| match op {
                Op::Value(_) | Op::Unary(_) | Op::Binary(_) => true,
                Op::Closure(..) => false,
            })
    })
}

fn holder_of(fact: &Fact) -> Option<Principal> {
    let [Term::Str(text)] = fact.predicate.terms.as_slice() else { return None };
    if fact.predicate.name != "holder" {
        return None;
    }
    let key = text.parse::<Id<kinds::Key>>().map(Principal::Key).ok();
    key.or_else(|| text.parse::<Id<kinds::User>>().map(Principal::User).ok())
}

/// Makes a key; the file appears whole or not at all.
fn make_key(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let part = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
