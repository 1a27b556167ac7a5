//! From policy texts to a validated, hashed set that answers questions.
//!
//! Must never take a set into force that is only partly understood: one faulty source refuses all.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{ActionConstraint, Authorizer, Policy, PolicyId, PolicySet, ValidationMode};
use sha2::{Digest as _, Sha256};
use units::Digest;

use crate::error::{CompileError, Fault};
use crate::question::Action;
use crate::scan;
use crate::stack;
use crate::text::{BASE_SOURCE_ID, base_source};
use crate::vocabulary::{VALIDATOR, VOCABULARY};

/// Sources of one set.
pub const SOURCES_MAX: usize = 64;
/// Bytes of one source.
pub const SOURCE_BYTES_MAX: usize = 32 * 1024;
/// Characters of a source id.
pub const SOURCE_ID_CHARS_MAX: usize = 64;
/// Cedar policies in all sources together; every decision evaluates all of them.
pub const POLICIES_MAX: usize = 1_024;
/// Characters of a policy's own id, and of user input repeated in a message.
const SHOWN_CHARS_MAX: usize = 64;

/// One layer: a Cedar text and the id it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySource {
    /// For example the id of a policy resource, or [`BASE_SOURCE_ID`].
    pub id: String,
    /// Cedar policies, exactly as written.
    pub text: String,
}

/// A set of policies in force; cheap to clone.
#[derive(Clone)]
pub struct Policies(Arc<Compiled>);

struct Compiled {
    /// The policies that can apply to each action, in the order of [`Action::ALL`]: whoever asks about
    /// one does not pay for the others.
    by_action: [PolicySet; 3],
    authorizer: Authorizer,
    ids: Vec<String>,
    operators_max: u32,
    hash: Digest,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").field("hash", &self.0.hash).field("ids", &self.0.ids).finish()
    }
}

impl Policies {
    /// Parses and validates the layers in the given order.
    ///
    /// The base layer is always the first: where `sources` does not start with a source called
    /// [`BASE_SOURCE_ID`], the built-in text is put in front. A caller that must be able to replay
    /// under an older base layer records its text and passes it explicitly.
    ///
    /// # Errors
    /// The first fault with its source, line and remedy; see [`Fault`] for the limits.
    pub fn compile(sources: &[PolicySource]) -> Result<Self, CompileError> {
        stack::for_compiling(|| Self::compile_layers(sources))
    }

    fn compile_layers(sources: &[PolicySource]) -> Result<Self, CompileError> {
        let built_in = base_source();
        let missing = sources.first().is_none_or(|first| first.id != BASE_SOURCE_ID);
        let layers: Vec<&PolicySource> =
            missing.then_some(&built_in).into_iter().chain(sources).collect();
        if sources.len() > SOURCES_MAX {
            let beyond = sources.get(SOURCES_MAX).map_or("", |source| source.id.as_str());
            return Err(fault(beyond, None, Fault::TooManySources { given: sources.len() }));
        }
        let mut seen = BTreeSet::new();
        let mut taken = Taken::default();
        for source in &layers {
            if !seen.insert(source.id.as_str()) {
                // The built-in layer in front makes a misplaced one look like a duplicate.
                let twice = if missing && source.id == BASE_SOURCE_ID {
                    Fault::BaseNotFirst
                } else {
                    Fault::DuplicateSource
                };
                return Err(fault(&source.id, None, twice));
            }
            taken.add(source)?;
        }
        let Taken { set, ids, operators_max } = taken;
        let authorizer = Authorizer::new();
        let by_action = Action::ALL.map(|action| applying_to(&set, action));
        let hash = hash(&layers);
        Ok(Self(Arc::new(Compiled { by_action, authorizer, ids, operators_max, hash })))
    }

    /// SHA-256 over all layers in order, each as id and text with their lengths (eight bytes, big
    /// endian) in front: it pins the exact text that decides.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.0.hash
    }

    /// Ids of all policies, `<source id>/<@id or policyN>`, in the order of their texts.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        &self.0.ids
    }

    /// The policies that can apply to an action.
    pub(crate) fn set(&self, action: Action) -> &PolicySet {
        let [place, moves, serve] = &self.0.by_action;
        match action {
            Action::Place => place,
            Action::Move => moves,
            Action::Serve => serve,
        }
    }

    /// Operators of the policy that has most.
    pub(crate) fn operators_max(&self) -> u32 {
        self.0.operators_max
    }

    pub(crate) fn authorizer(&self) -> &Authorizer {
        &self.0.authorizer
    }
}

/// The policies whose scope an action can satisfy. Scopes cannot fail to evaluate, so that leaving the
/// others out changes no answer; there are no groups of actions in the schema.
fn applying_to(set: &PolicySet, action: Action) -> PolicySet {
    let uid = VOCABULARY.action(action);
    let applies = |policy: &&Policy| match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(named) => named == uid,
        ActionConstraint::In(named) => named.contains(&uid),
    };
    let applying = set.policies().filter(applies).cloned();
    PolicySet::from_policies(applying).unwrap_or_else(|_| set.clone())
}

fn hash(layers: &[&PolicySource]) -> Digest {
    let mut hasher = Sha256::new();
    for part in layers.iter().flat_map(|layer| [&layer.id, &layer.text]) {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    Digest(hasher.finalize().into())
}

fn fault(source_id: &str, line: Option<u32>, fault: Fault) -> CompileError {
    CompileError { source_id: shown(source_id), line, fault }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

fn is_id(text: &str, chars_max: usize) -> bool {
    !text.is_empty()
        && text.len() <= chars_max
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// What has been taken from the sources so far.
#[derive(Default)]
struct Taken {
    set: PolicySet,
    ids: Vec<String>,
    operators_max: u32,
}

impl Taken {
    /// Parses, names and validates one source and adds its policies.
    fn add(&mut self, source: &PolicySource) -> Result<(), CompileError> {
        let refuse = |line, kind| fault(&source.id, line, kind);
        if !is_id(&source.id, SOURCE_ID_CHARS_MAX) {
            return Err(refuse(None, Fault::SourceId));
        }
        if source.text.len() > SOURCE_BYTES_MAX {
            return Err(refuse(None, Fault::TooLong { bytes: source.text.len() }));
        }
        let scanned =
            scan::policies(&source.text).map_err(|(line, kind)| refuse(Some(line), kind))?;
        self.operators_max = self.operators_max.max(scanned.operators_max);
        if scanned.lines.len() > POLICIES_MAX.saturating_sub(self.ids.len()) {
            return Err(refuse(None, Fault::TooManyPolicies));
        }
        let parsed = parse(source)?;
        for (position, policy) in in_order(&parsed).into_iter().enumerate() {
            let line = scanned.lines.get(position).copied();
            let own =
                policy.annotation("id").map_or_else(|| format!("policy{position}"), str::to_owned);
            if !is_id(&own, SHOWN_CHARS_MAX) {
                return Err(refuse(line, Fault::PolicyId { id: shown(&own) }));
            }
            let id = format!("{}/{own}", source.id);
            let policy = policy.new_id(PolicyId::new(&id));
            validate(source, policy.clone(), line)?;
            // Source ids differ and hold no slash, so only a policy of this source can collide.
            self.set
                .add(policy)
                .map_err(|_| refuse(line, Fault::DuplicatePolicy { policy: id.clone() }))?;
            self.ids.push(id);
        }
        Ok(())
    }
}

fn parse(source: &PolicySource) -> Result<PolicySet, CompileError> {
    let parsed: PolicySet = source.text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let (line, message, hint) = first_of(source, std::iter::once((&errors).into()), None);
        fault(&source.id, line, Fault::Syntax { message, hint })
    })?;
    if parsed.num_of_templates() > 0 {
        return Err(fault(&source.id, None, Fault::Template));
    }
    Ok(parsed)
}

/// The policies of a parsed text in the order of the text: Cedar calls them `policy0`, `policy1`…
fn in_order(parsed: &PolicySet) -> Vec<Policy> {
    let mut policies: Vec<(usize, Policy)> = parsed
        .policies()
        .map(|policy| {
            let number: &str = policy.id().as_ref();
            (number.trim_start_matches("policy").parse().unwrap_or(usize::MAX), policy.clone())
        })
        .collect();
    policies.sort_by_key(|(number, _)| *number);
    policies.into_iter().map(|(_, policy)| policy).collect()
}

/// Checks one policy against the schema; what can never have an effect is refused as well,
/// because a forbid that never applies is a hole that looks like a wall.
fn validate(source: &PolicySource, policy: Policy, line: Option<u32>) -> Result<(), CompileError> {
    let one = PolicySet::from_policies([policy]).map_err(|error| {
        fault(&source.id, line, Fault::Meaning { message: error.to_string(), hint: None })
    })?;
    let result = VALIDATOR.validate(&one, ValidationMode::Strict);
    if result.validation_passed_without_warnings() {
        return Ok(());
    }
    // Errors say more than the warnings that follow from them.
    if result.validation_passed() {
        let warnings = result.validation_warnings().map(DetailedError::from);
        let (line, message, _) = first_of(source, warnings, line);
        return Err(fault(&source.id, line, Fault::Suspicious { message }));
    }
    let errors = result.validation_errors().map(DetailedError::from);
    let (line, message, hint) = first_of(source, errors, line);
    Err(fault(&source.id, line, Fault::Meaning { message, hint }))
}

/// The first of Cedar's errors by place in the text: Cedar itself promises no order.
fn first_of(
    source: &PolicySource,
    errors: impl Iterator<Item = DetailedError>,
    otherwise: Option<u32>,
) -> (Option<u32>, String, Option<String>) {
    errors
        .map(|error| {
            let start = error.source_locations.first().map(|label| label.loc.start);
            // Cedar guesses what was meant in no fixed order; we name what exists instead.
            let hint = error.help.filter(|hint| !hint.starts_with("did you mean"));
            (start, error.message, hint)
        })
        .min()
        .map_or((otherwise, "it is not valid".to_owned(), None), |(start, message, hint)| {
            (start.map(|start| line_of(&source.text, start)).or(otherwise), message, hint)
        })
}

/// The line, counted from 1, of a byte offset.
fn line_of(text: &str, offset: usize) -> u32 {
    let breaks = text.bytes().take(offset).filter(|b| *b == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
}
