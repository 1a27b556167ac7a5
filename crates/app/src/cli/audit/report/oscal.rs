//! The report as OSCAL assessment results, for the tools that auditors have.
//!
//! One result for each framework, one observation and one finding for each criterion, evidence as
//! resources of the back matter. Ids follow from the content: the same report is the same file.

use api::nouns::{
    evidence::{Evidence, EvidenceState},
    sovereignty::{
        CriterionResult, CriterionStanding, FrameworkResult, PartResult, SovereigntyReport,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{headline, kept_down, part_text, unwritable};
use crate::cli::failure::Failure;

/// The version of OSCAL that is written (NIST, assessment results model).
const OSCAL_VERSION: &str = "1.1.3";
/// Namespace of our properties.
const NAMESPACE: &str = "https://github.com/cocarde/cocarde/ns/oscal";

/// Makes ids of names, under one report.
struct Ids {
    of: Vec<u8>,
}

impl Ids {
    /// A name-based UUID. OSCAL takes versions 4 and 5; this is one of version 5 whose hash is SHA-256.
    fn id(&self, kind: &str, name: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.of);
        hasher.update(kind.as_bytes());
        hasher.update([0]);
        hasher.update(name.as_bytes());
        let hash = units::Digest(hasher.finalize().into()).hex();
        let digit = |at: usize| hash.chars().nth(at).unwrap_or('0');
        let variant = match digit(16) {
            '0' | '4' | '8' | 'c' => '8',
            '1' | '5' | '9' | 'd' => '9',
            '2' | '6' | 'a' | 'e' => 'a',
            _ => 'b',
        };
        let part = |from: usize, to: usize| (from..to).map(digit).collect::<String>();
        format!(
            "{}-{}-5{}-{variant}{}-{}",
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32)
        )
    }
}

/// Writes the document.
///
/// # Errors
/// If the report cannot be written as JSON.
pub(super) fn render(report: &SovereigntyReport) -> Result<Value, Failure> {
    let bytes = serde_json::to_vec(report).map_err(|error| unwritable(&error))?;
    let ids = Ids { of: Sha256::digest(&bytes).to_vec() };
    let at = report.computed_at.to_string();
    let results: Vec<Value> =
        report.frameworks.iter().map(|one| result(&ids, report, one)).collect();
    let log = json!({
        "uuid": ids.id("resource", "log"),
        "title": format!("Transparency log {}", report.origin),
        "description": format!("{} entries with root {}", report.as_of, report.root),
        "props": [prop("log-size", &report.as_of.to_string()), prop("log-root", &report.root)],
    });
    let criteria = json!({
        "uuid": ids.id("resource", "criteria"),
        "title": "Criteria",
        "description": "What was assessed, as the platform publishes it at /api/v1/sovereignty/criteria",
    });
    let resources: Vec<Value> = [log, criteria]
        .into_iter()
        .chain(report.evidence.iter().map(|one| resource(&ids, one)))
        .collect();
    Ok(json!({ "assessment-results": {
        "uuid": ids.id("document", ""),
        "metadata": {
            "title": format!("Sovereignty of {}", report.origin),
            "last-modified": at,
            "version": report.as_of.to_string(),
            "oscal-version": OSCAL_VERSION,
            "props": [prop("software", &report.software)],
        },
        "import-ap": {
            "href": format!("#{}", ids.id("resource", "criteria")),
            "remarks": "There is no assessment plan: the platform answers each criterion from its log.",
        },
        "results": results,
        "back-matter": { "resources": resources },
    }}))
}

fn result(ids: &Ids, report: &SovereigntyReport, framework: &FrameworkResult) -> Value {
    let all =
        || framework.parts.iter().flat_map(|part| part.criteria.iter().map(move |one| (part, one)));
    let controls: Vec<Value> = all().map(|(_, one)| json!({ "control-id": one.id })).collect();
    let mut props = vec![
        prop("framework", &framework.id),
        prop("framework-version", &framework.version),
        prop("parts-met", &framework.n_met.to_string()),
        prop("parts-partly-met", &framework.n_partly.to_string()),
        prop("parts-not-met", &framework.n_not_met.to_string()),
    ];
    props.extend(framework.level.map(|level| prop("level", &level.to_string())));
    props.extend(framework.score_bp.map(|bp| prop("score-hundredths-of-percent", &bp.to_string())));
    for part in &framework.parts {
        let mut of = prop("part", &part_text(framework, part));
        of["class"] = json!(token(&part.id));
        props.push(of);
    }
    let down = kept_down(framework);
    let risks: Vec<Value> = down.iter().map(|(part, one)| risk(ids, part, one)).collect();
    let is_down = |id: &str| down.iter().any(|(_, one)| one.id == id);
    let mut result = json!({
        "uuid": ids.id("result", &framework.id),
        "title": format!("{} {}: {}", framework.title, framework.version, headline(framework)),
        "description": format!("{}. {}", framework.source, framework.reading),
        "start": report.computed_at.to_string(),
        "end": report.computed_at.to_string(),
        "props": props,
        "reviewed-controls": { "control-selections": [{ "include-controls": controls }] },
        "observations": all().map(|(_, one)| observation(ids, report, one)).collect::<Vec<_>>(),
        "findings": all()
            .map(|(part, one)| finding(ids, part, one, is_down(&one.id)))
            .collect::<Vec<_>>(),
    });
    // OSCAL knows no empty lists.
    if !risks.is_empty() {
        result["risks"] = json!(risks);
    }
    result
}

fn observation(ids: &Ids, report: &SovereigntyReport, one: &CriterionResult) -> Value {
    let of_evidence = one.evidence.iter().map(|id| {
        json!({
            "href": format!("#{}", ids.id("resource", &id.to_string())),
            "description": format!("evidence {id}"),
        })
    });
    let entries: Vec<String> = one.entries.iter().map(ToString::to_string).collect();
    let of_log = (!entries.is_empty()).then(|| {
        json!({
            "href": format!("#{}", ids.id("resource", "log")),
            "description": format!("log entries {}", entries.join(", ")),
        })
    });
    let relevant: Vec<Value> = of_evidence.chain(of_log).collect();
    let description = match one.things.as_slice() {
        [] => one.because.clone(),
        things => format!("{}: {}", one.because, things.join("; ")),
    };
    let mut observation = json!({
        "uuid": ids.id("observation", &one.id),
        "title": one.id,
        "description": description,
        "methods": [if one.computed.is_some() { "TEST" } else { "EXAMINE" }],
        "types": ["finding"],
        "collected": report.computed_at.to_string(),
    });
    if let Some(check) = &one.computed {
        observation["props"] = json!([prop("check", check)]);
    }
    if !relevant.is_empty() {
        observation["relevant-evidence"] = json!(relevant);
    }
    observation
}

fn finding(ids: &Ids, part: &PartResult, one: &CriterionResult, is_down: bool) -> Value {
    let met = one.standing == CriterionStanding::Met;
    let mut finding = json!({
        "uuid": ids.id("finding", &one.id),
        "title": format!("{} {}", part.id, part.title),
        "description": one.says,
        "target": {
            "type": "objective-id",
            "target-id": one.id,
            "status": {
                "state": if met { "satisfied" } else { "not-satisfied" },
                "reason": if met { "pass" } else { "fail" },
                "remarks": super::standing_text(one.standing),
            },
        },
        "related-observations": [{ "observation-uuid": ids.id("observation", &one.id) }],
    });
    if one.level > 0 {
        finding["props"] = json!([prop("level", &one.level.to_string())]);
    }
    if is_down {
        finding["related-risks"] = json!([{ "risk-uuid": ids.id("risk", &one.id) }]);
    }
    finding
}

/// What keeps the score down.
fn risk(ids: &Ids, part: &PartResult, one: &CriterionResult) -> Value {
    let always = one.standing == CriterionStanding::Refuted;
    let things = if one.things.is_empty() { one.because.clone() } else { one.things.join("; ") };
    json!({
        "uuid": ids.id("risk", &one.id),
        "title": format!("{} is kept down by {}", part.id, one.id),
        "description": things,
        "statement": if always {
            format!("{}; no evidence changes that", one.because)
        } else {
            one.because.clone()
        },
        "status": "open",
    })
}

/// Evidence by its digest, as RFC 6920 writes it; the document itself is with whoever keeps it.
fn resource(ids: &Ids, one: &Evidence) -> Value {
    let state = match one.state {
        EvidenceState::Valid => "valid",
        EvidenceState::Expired => "expired",
        EvidenceState::Withdrawn => "withdrawn",
    };
    let kind = crate::output::human::word(&one.kind);
    let mut props = vec![
        prop("evidence-id", &one.id.to_string()),
        prop("criterion", &one.criterion),
        prop("kind", &kind),
        prop("counts-as", &crate::output::human::word(&one.counts_as)),
        prop("issuer", &one.issuer.to_string()),
        prop("state", state),
        prop("log-entry", &one.recorded_seq.to_string()),
    ];
    props.extend(one.valid_until.map(|until| prop("valid-until", &until.to_string())));
    json!({
        "uuid": ids.id("resource", &one.id.to_string()),
        "title": format!("{kind} by {} for {}", one.issuer_name, one.criterion),
        "props": props,
        "rlinks": [{
            "href": format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(one.document.0)),
            "hashes": [{ "algorithm": "SHA-256", "value": one.document.hex() }],
        }],
    })
}

fn prop(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMESPACE, "value": value })
}

/// A part's id as a token, which does not begin with a digit.
fn token(id: &str) -> String {
    if id.starts_with(|c: char| c.is_ascii_digit()) { format!("no-{id}") } else { id.to_owned() }
}
