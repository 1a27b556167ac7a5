//! What a receipt of a model's answer proves: the facts of its leaf, and by entries of the log where it was given, who
//! runs that place, which decision allowed it, and the digest of the model. Nothing is taken from outside the proven
//! entries; what they do not say is an error and not left out.

use kernel::{Entry, Event, decision, endpoint, model, usage};
use ledger::receipt::{InnerLeaf, VerifiedEntry};
use ledger::{Hash, ReceiptError, TreeHead};
use serde::{Deserialize, Serialize};
use units::{Digest, Id, UnixMicros, kinds};

/// Value of a leaf's field `format`.
pub const ANSWER_FORMAT: &str = "cocarde-answer/v1";

/// The facts of a leaf, as the gateway wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerLeaf {
    /// [`ANSWER_FORMAT`].
    pub format: String,
    /// The answer's id.
    pub id: String,
    /// When it ended, in milliseconds since 1970.
    pub at_ms: i64,
    /// The key that asked.
    pub key: Id<kinds::Key>,
    /// The endpoint that answered.
    pub endpoint: Id<kinds::Endpoint>,
    /// The site of the replica that answered; absent where the gateway did not know.
    #[serde(default)]
    pub site: Option<Id<kinds::Site>>,
    /// The model's public name.
    pub model: String,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// True if the gateway counted instead of the engine.
    pub estimated: bool,
    /// True if the answer came to its end.
    pub complete: bool,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Digest,
    /// Keeps the leaf's hash from being guessed.
    pub salt: String,
}

/// An answer and what the log says of how it came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvenAnswer {
    /// The leaf.
    pub leaf: AnswerLeaf,
    /// Position in the log of the roll-up that has its root.
    pub log_position: u64,
    /// Start of the roll-up's minute.
    pub minute: UnixMicros,
    /// Name of the site that answered.
    pub site: String,
    /// Where its machines stand.
    pub country: String,
    /// Who runs it.
    pub operator: String,
    /// The jurisdiction of the operator's ultimate owner.
    pub operator_country: String,
    /// The policies that decided.
    pub policies: Vec<String>,
    /// Hash of the policy set that decided.
    pub policy_set: Digest,
    /// Position of the decision in the log.
    pub decision_position: u64,
    /// The model.
    pub model: Id<kinds::Model>,
    /// Its version.
    pub model_version: u32,
    /// Digest of the manifest that lists the version's files.
    pub model_digest: Digest,
}

/// Reads what proven entries say of an answer.
///
/// # Errors
/// `Answer` with the first thing that does not hold or is not there.
pub(super) fn prove(
    entries: &[VerifiedEntry],
    inner: &InnerLeaf,
) -> Result<ProvenAnswer, ReceiptError> {
    let events = read(entries)?;
    let metered = events.iter().find_map(|(index, event)| match event {
        Event::Usage(usage::Event::Tokens(metered)) if *index == inner.entry => Some(metered),
        _ => None,
    });
    let metered = metered.ok_or_else(|| wrong("its roll-up is not in the receipt"))?;
    let head = metered.answers.ok_or_else(|| wrong("its roll-up names no answers"))?;
    inner.verify(&TreeHead { size: head.count, root: Hash(head.root.0) })?;
    let leaf: AnswerLeaf = serde_json::from_slice(&inner.leaf)
        .map_err(|error| wrong(&format!("its leaf cannot be read: {error}")))?;
    if leaf.format != ANSWER_FORMAT {
        return Err(wrong("its leaf has another format: use a version that knows it"));
    }
    if (leaf.key, leaf.endpoint) != (metered.key, metered.endpoint) {
        return Err(wrong("its leaf is of another key or endpoint than its roll-up"));
    }
    if leaf.tokens_in > metered.tokens_in.0 || leaf.tokens_out > metered.tokens_out.0 {
        return Err(wrong("its leaf has more tokens than its roll-up"));
    }
    let present = |position: &u64| events.iter().any(|(index, _)| index == position);
    if !metered.decided.iter().all(present) {
        return Err(wrong("a decision that its roll-up names is not in the receipt"));
    }
    let (decision_position, made) = decided(&events, metered, leaf.site)?;
    let (model, model_version) = deployed(&events, leaf.endpoint)?;
    let model_digest = digest(&events, model, model_version)?;
    let site = &made.question.site;
    Ok(ProvenAnswer {
        log_position: inner.entry,
        minute: metered.minute,
        site: site.name.clone(),
        country: site.country.to_string(),
        operator: site.operator.clone(),
        operator_country: site.operator_country.to_string(),
        policies: made.decision.determining.clone(),
        policy_set: made.decision.policy_set,
        decision_position,
        model,
        model_version,
        model_digest,
        leaf,
    })
}

fn read(entries: &[VerifiedEntry]) -> Result<Vec<(u64, Event)>, ReceiptError> {
    let read = entries.iter().map(|proven| {
        let entry = Entry::from_leaf(&proven.leaf)
            .map_err(|error| wrong(&format!("entry {} cannot be read: {error}", proven.index)))?;
        Ok((proven.index, entry.event))
    });
    read.collect()
}

/// The decision that opened the route to the site that answered.
fn decided<'a>(
    events: &'a [(u64, Event)],
    metered: &usage::TokensMetered,
    site: Option<Id<kinds::Site>>,
) -> Result<(u64, &'a decision::Made), ReceiptError> {
    let named = events.iter().filter(|(index, _)| metered.decided.contains(index));
    let mut routes = named.filter_map(|(index, event)| match event {
        Event::Decision(decision::Event::Made(made))
            if made.question.action.as_str() == "serve" && made.decision.allowed =>
        {
            Some((*index, &**made))
        }
        _ => None,
    });
    let Some(site) = site else {
        let first = routes.next().ok_or_else(|| wrong("no decision allows its route"))?;
        let other = routes.any(|(_, made)| made.question.site.id != first.1.question.site.id);
        return if other { Err(wrong("nothing says which site answered")) } else { Ok(first) };
    };
    let site = site.to_string();
    routes
        .find(|(_, made)| made.question.site.id == site)
        .ok_or_else(|| wrong(&format!("no decision before it allows a route to {site}")))
}

fn deployed(
    events: &[(u64, Event)],
    endpoint: Id<kinds::Endpoint>,
) -> Result<(Id<kinds::Model>, u32), ReceiptError> {
    let found = events.iter().find_map(|(_, event)| match event {
        Event::Endpoint(endpoint::Event::Created { id, model, model_version, .. })
            if *id == endpoint =>
        {
            Some((*model, *model_version))
        }
        _ => None,
    });
    found.ok_or_else(|| wrong("nothing says which model its endpoint has"))
}

fn digest(
    events: &[(u64, Event)],
    model: Id<kinds::Model>,
    number: u32,
) -> Result<Digest, ReceiptError> {
    let found = events.iter().find_map(|(_, event)| match event {
        Event::Model(model::Event::VersionAdded { number: added, version, .. })
            if version.id == model && *added == number =>
        {
            Some(version.manifest)
        }
        _ => None,
    });
    found.ok_or_else(|| wrong("nothing says which digest its model has"))
}

fn wrong(reason: &str) -> ReceiptError {
    ReceiptError::Answer { reason: reason.to_owned() }
}
