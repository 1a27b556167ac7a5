//! The C2SP draft `tlog-policy`: a text file that names logs, witnesses and the quorum, so that a
//! platform and its auditors trust the same ones. Groups of groups are refused: a quorum here is k of n.

use std::collections::BTreeMap;

use super::{CosignerKey, Quorum, QuorumError};
use crate::note::VerifierKey;

/// Most bytes of a policy file.
pub const POLICY_BYTES_MAX: usize = 64 << 10;

/// What a policy file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustPolicy {
    /// Logs by their keys, each with an address if the file gives one.
    pub logs: Vec<(VerifierKey, Option<String>)>,
    /// Address of each witness of the quorum, in the quorum's order, if the file gives one.
    pub urls: Vec<Option<String>>,
    /// The witnesses and how many must agree.
    pub quorum: Quorum,
}

/// Why a policy file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Above [`POLICY_BYTES_MAX`].
    #[error("a policy file has at most {POLICY_BYTES_MAX} bytes, this one {bytes}")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
    },
    /// A line that cannot be understood.
    #[error("line {line} of the policy: {reason}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to write.
        reason: String,
    },
    /// No quorum, or one that cannot be.
    #[error("the policy has no `quorum` line; end it with `quorum NAME` or `quorum none`")]
    NoQuorum,
    /// The witnesses of the quorum.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
}

type Known = (CosignerKey, Option<String>);

/// What the lines so far have defined.
#[derive(Default)]
struct Lines {
    policy: TrustPolicy,
    witnesses: BTreeMap<String, Known>,
    groups: BTreeMap<String, (usize, Vec<String>)>,
    has_quorum: bool,
}

impl TrustPolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`], naming the line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(PolicyError::TooLarge { bytes: text.len() });
        }
        let mut lines = Lines::default();
        for (line, text) in (1..).zip(text.lines()) {
            let words: Vec<&str> =
                text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            if words.first().is_none_or(|word| word.starts_with('#')) {
                continue;
            }
            lines.take(&words).map_err(|reason| PolicyError::Line { line, reason })?;
        }
        if !lines.has_quorum {
            return Err(PolicyError::NoQuorum);
        }
        Ok(lines.policy)
    }

    /// The policy that flags give: these witnesses with their addresses, of which `needed` must agree.
    ///
    /// # Errors
    /// `Quorum`.
    pub fn of_witnesses(
        witnesses: Vec<(CosignerKey, Option<String>)>,
        needed: usize,
    ) -> Result<Self, PolicyError> {
        let (keys, urls) = witnesses.into_iter().unzip();
        Ok(Self { logs: Vec::new(), urls, quorum: Quorum::new(keys, needed)? })
    }
}

impl Lines {
    fn take(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["log", key, url @ ..] => {
                let key: VerifierKey = key.parse().map_err(|e| format!("{e}"))?;
                if self.policy.logs.iter().any(|(k, _)| k.public_bytes() == key.public_bytes()) {
                    return Err(format!("the key of log `{}` is there twice", key.name()));
                }
                self.policy.logs.push((key, one(url)?));
                Ok(())
            }
            ["witness", name, key, url @ ..] => {
                let key: CosignerKey = key.parse().map_err(|e| format!("{e}"))?;
                self.is_new(name)?;
                let same = |(k, _): &Known| k.public_bytes() == key.public_bytes();
                if self.witnesses.values().any(same) {
                    return Err(format!("the key of witness `{name}` is there twice"));
                }
                self.witnesses.insert((*name).to_owned(), (key, one(url)?));
                Ok(())
            }
            ["group", name, threshold, members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            [first, ..] => Err(format!(
                "`{first}` is no line of a policy; write `log`, `witness`, `group` or `quorum`"
            )),
            [] => Ok(()),
        }
    }

    fn is_new(&self, name: &str) -> Result<(), String> {
        let taken = self.witnesses.contains_key(name) || self.groups.contains_key(name);
        if taken || name == "none" { Err(format!("the name `{name}` is taken")) } else { Ok(()) }
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), String> {
        self.is_new(name)?;
        for (place, member) in members.iter().enumerate() {
            if self.groups.contains_key(*member) {
                return Err(format!("`{member}` is a group; a group of groups is not supported"));
            }
            if !self.witnesses.contains_key(*member) {
                return Err(format!("no witness `{member}` is defined above"));
            }
            if members.iter().take(place).any(|earlier| earlier == member) {
                return Err(format!("`{member}` is in the group twice"));
            }
        }
        let needed = match threshold {
            "all" => members.len(),
            "any" => 1,
            number => number.parse().map_err(|_| format!("`{number}` is not `all`, `any` or k"))?,
        };
        if needed == 0 || needed > members.len() {
            return Err(format!("{needed} of {} members cannot be", members.len()));
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.insert(name.to_owned(), (needed, members));
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), String> {
        if self.has_quorum {
            return Err("there is a `quorum` line already".to_owned());
        }
        self.has_quorum = true;
        let (needed, names) = match self.groups.get(name) {
            Some(group) => group.clone(),
            None if name == "none" => return Ok(()),
            None => (1, vec![name.to_owned()]),
        };
        let of = |name: String| {
            let known = self.witnesses.get(&name).cloned();
            known.ok_or_else(|| format!("no witness or group `{name}` is defined above"))
        };
        let known = names.into_iter().map(of).collect::<Result<Vec<Known>, String>>()?;
        let (keys, urls) = known.into_iter().unzip();
        self.policy.urls = urls;
        self.policy.quorum = Quorum::new(keys, needed).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// At most one more word.
fn one(words: &[&str]) -> Result<Option<String>, String> {
    match words {
        [] => Ok(None),
        [word] => Ok(Some((*word).to_owned())),
        _ => Err("there are more words than an address after the key".to_owned()),
    }
}
