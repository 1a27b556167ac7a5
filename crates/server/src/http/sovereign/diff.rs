//! What a change of policy would do to the fleet as it is and to decisions of the past.
//!
//! Must never change anything: a draft is made of a copy of what policy depends on.

use api::{
    nouns::policy_tools::{PolicyDiff, PolicyDiffed, PolicyFlip, PolicyImpact},
    problem::Code,
    text::Timestamp,
};
use kernel::{
    Ctx, Entry, Event, State,
    access::{Role, Scope, covers},
    decision::{self, Draft, Impact},
    policy_set::{self, Command},
};
use policy::{Decision, Question, Residency};
use store::LogView;
use units::{Id, UnixMicros, kinds};

use super::residency::rule;
use crate::http::{
    fail::Fail,
    mount::{Call, as_of},
    resolve,
};

/// Days of decisions that can be asked again.
const DAYS_MAX: u32 = 400;
/// Flips that are listed; all are counted.
const FLIPS_MAX: usize = 200;
/// Impacts of each kind that are listed.
const IMPACTS_MAX: usize = 200;
/// Rows read at a time.
const ROWS: usize = 4_096;
const DAY_MICROS: i64 = 86_400_000_000;

/// A decision of the past.
struct Past {
    seq: u64,
    at: UnixMicros,
    question: Question,
    decision: Decision,
}

/// `POST /api/v1/policies/diff`
pub(crate) async fn diff(call: Call<PolicyDiff>) -> Result<PolicyDiffed, Fail> {
    if call.body.days > DAYS_MAX {
        let detail = format!("`days` is {}: at most {DAYS_MAX}", call.body.days);
        return Err(Fail::new(Code::InvalidField, detail));
    }
    let (scope, command) = call.read(|state| command(state, &call))?;
    let now = call.platform().now();
    let ctx = Ctx { now, actor: call.caller.actor()?, random: [0xff; 10] };
    let (impacts, as_of) = call.read(|state| {
        let impacts = Draft::of(state, &command, &ctx).map(|mut draft| draft.impacts());
        impacts.map(|impacts| (impacts, as_of(state)))
    })?;
    let from = UnixMicros(now.0.saturating_sub(i64::from(call.body.days) * DAY_MICROS));
    let past = if call.body.days == 0 { Vec::new() } else { past(&call, from).await? };
    // Thousands of questions are asked outside of the lock, of a copy.
    let view = call.read(State::policy_view);
    let past: Vec<Past> = past.into_iter().filter(|one| is_in(&view, scope, one)).collect();
    let draft = Draft::of(&view, &command, &ctx)?;
    let mut flips = Vec::new();
    let mut n_flips = 0_u64;
    for one in &past {
        let Some(flip) = draft.flips(&one.question, &one.decision) else { continue };
        n_flips = n_flips.saturating_add(1);
        if flips.len() < FLIPS_MAX {
            flips.push(PolicyFlip {
                seq: one.seq.saturating_add(1),
                at: Timestamp(one.at),
                question: policy::explain(&flip.question, &flip.would_be).reason,
                was: flip.was.allowed,
                would_be: flip.would_be.allowed,
                determining: flip.would_be.determining,
            });
        }
    }
    Ok(PolicyDiffed {
        running: shown(impacts.running),
        queued: shown(impacts.queued),
        endpoints: shown(impacts.endpoints),
        artefacts: shown(impacts.artefacts),
        asked_again: u64::try_from(past.len()).unwrap_or(u64::MAX),
        flips,
        n_flips,
        as_of,
    })
}

/// The command that would make the change.
fn command(state: &State, call: &Call<PolicyDiff>) -> Result<(Scope, Command), Fail> {
    let new = &call.body;
    let scope = resolve::policy_scope(state, &call.caller, Role::Administrator, &new.scope)?;
    let command = match (&new.text, new.rules.is_empty()) {
        (Some(text), true) => {
            let name = new.name.clone();
            let name = name.map_or_else(|| "draft".parse(), Ok).map_err(
                |error: units::ParseNameError| Fail::internal("a constant is no name", &error),
            )?;
            Command::Set { scope, name, text: text.clone() }
        }
        (None, false) => {
            let rules = new.rules.iter().map(rule).collect();
            Command::SetResidency { scope, residency: Residency { rules } }
        }
        (Some(_), false) | (None, true) => {
            return Err(Fail::new(Code::InvalidField, "give either `text` or `rules`"));
        }
    };
    Ok((scope, command))
}

/// True if the decision is of this scope: others cannot change.
fn is_in(state: &State, scope: Scope, one: &Past) -> bool {
    let project = one.question.project.parse::<Id<kinds::Project>>();
    let of = project.map_or(Scope::Platform, Scope::Project);
    covers(state, scope, of)
}

/// Decisions and refusals since then, oldest first.
async fn past(call: &Call<PolicyDiff>, from: UnixMicros) -> Result<Vec<Past>, Fail> {
    let log = call.platform().log().clone();
    let read = tokio::task::spawn_blocking(move || read(&log, from)).await;
    read.map_err(|error| Fail::internal("reading the log ended early", &error))?
}

fn read(log: &LogView, from: UnixMicros) -> Result<Vec<Past>, Fail> {
    let failed = |error| Fail::internal("the log cannot be read", &error);
    // Times never decrease, so that the first row of the window is found by halving.
    let (mut low, mut high) = (0_u64, log.size());
    while low < high {
        let middle = low.midpoint(high);
        let row = log.rows(middle, 1).map_err(failed)?;
        if row.first().is_some_and(|row| row.at < from) {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    let mut found = Vec::new();
    loop {
        let rows = log.rows(low, ROWS).map_err(failed)?;
        let Some(last) = rows.last() else { return Ok(found) };
        low = last.seq.saturating_add(1);
        for row in &rows {
            if !matches!(row.kind.as_str(), "decision.made" | "policy.refused") {
                continue;
            }
            let entry = Entry::from_leaf(&row.leaf)
                .map_err(|error| Fail::internal("an entry of the log cannot be read", &error))?;
            found.extend(decided(entry.event).map(|(question, decision)| Past {
                seq: row.seq,
                at: entry.at,
                question,
                decision,
            }));
        }
    }
}

/// The question and answer of an entry; older refusals do not say what was asked.
fn decided(event: Event) -> Option<(Question, Decision)> {
    match event {
        Event::Decision(decision::Event::Made(made)) => Some((made.question, made.decision)),
        Event::PolicySet(policy_set::Event::Refused(refused)) => {
            refused.question.map(|question| (*question, refused.decision))
        }
        _ => None,
    }
}

fn shown(impacts: Vec<Impact>) -> Vec<PolicyImpact> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let one = |impact: Impact| PolicyImpact {
        subject: impact.subject.to_string(),
        project: impact.project,
        name: impact.name,
        site: impact.site,
        allowed_now: number(impact.allowed_now),
        allowed_then: number(impact.allowed_then),
        because: impact.because,
    };
    impacts.into_iter().take(IMPACTS_MAX).map(one).collect()
}
