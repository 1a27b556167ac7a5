//! The forms of one report: all say the same, first what keeps it down, and none lets a name be markup.

use std::collections::BTreeSet;

use api::nouns::sovereignty::SovereigntyReport;
use serde_json::{Value, json};

use super::*;

/// A report with a name that would be markup if it could.
fn report() -> SovereigntyReport {
    let criterion = |id: &str, level: u32, standing: &str, things: Value| {
        json!({
            "id": id, "level": level, "points": 1, "says": format!("asks for {id}"), "needs": "declared",
            "standing": standing, "because": "there are <b>things</b>", "things": things,
            "evidence": if standing == "met" { json!(["evd_01k6a0000000000000000000ab"]) } else { json!([]) },
            "entries": if standing == "met" { json!([7]) } else { json!([]) },
        })
    };
    let evidence = json!({
        "id": "evd_01k6a0000000000000000000ab", "criterion": "csf.a.1", "kind": "certificate",
        "counts_as": "declared", "state": "valid", "issuer": "ent_01k6a0000000000000000000ab",
        "issuer_name": "assessor", "document": format!("sha256:{}", "0f".repeat(32)),
        "valid_until": "2028-06-01T00:00:00Z", "recorded_seq": 7, "version": 1, "seq": 9,
        "created_at": "2027-01-01T00:00:00Z",
    });
    let framework = json!({
        "id": "eu-csf", "version": "1.2.1", "title": "A <framework>", "source": "somebody",
        "reading": "ours", "scale": "seal", "level": 1, "score_bp": 3_333, "n_met": 0,
        "n_partly": 1, "n_not_met": 0, "kept_down_by": ["csf.a.4", "csf.a.2"],
        "parts": [{
            "id": "SOV-5", "title": "Supply \"chain\"", "weight_percent": 100, "level": 1,
            "points": 1, "points_max": 3, "standing": "partly",
            "criteria": [
                criterion("csf.a.1", 1, "met", json!([])),
                criterion("csf.a.2", 2, "not_shown", json!([])),
                criterion("csf.a.4", 4, "refuted", json!(["8 × NVIDIA <script>alert(1)</script> & co"])),
            ],
        }],
    });
    serde_json::from_value(json!({
        "computed_at": "2027-02-01T00:00:00.5Z", "software": "cocarde 0", "origin": "log.example/one",
        "as_of": 9, "root": "cm9vdA==", "frameworks": [framework], "checks": [],
        "evidence": [evidence], "own_entities": [],
    }))
    .unwrap()
}

#[test]
fn what_no_evidence_changes_is_said_first() {
    for text in [text::render(&report()), html::render(&report())] {
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("`{what}` in {text}"));
        assert!(at("Kept down whatever is recorded") < at("8 × NVIDIA"));
        assert!(at("8 × NVIDIA") < at("Missing for the next level"));
        assert!(at("Missing for the next level") < at("asks for csf.a.2"));
        assert!(text.contains("SEAL-1, score 33.33 %"));
        assert!(at("SEAL-1, score 33.33 %") < at("Kept down"));
    }
}

#[test]
fn no_text_of_a_report_becomes_markup() {
    let page = html::render(&report());
    assert!(
        !page.contains("<script>alert")
            && !page.contains("<b>things")
            && !page.contains("<framework>")
    );
    assert!(page.contains("NVIDIA &lt;script&gt;alert(1)&lt;/script&gt; &amp; co"));
    assert!(page.contains("Supply &quot;chain&quot;"));
    for away in ["http://", "https://", "src=", "url("] {
        assert!(!page.contains(away), "{away}");
    }
}

fn uuids(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("uuid").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| uuids(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| uuids(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn ids_of_oscal_follow_from_the_content() {
    let (one, same) = (oscal::render(&report()).unwrap(), oscal::render(&report()).unwrap());
    assert_eq!(one, same);
    let mut all = Vec::new();
    uuids(&one, &mut all);
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(all.len(), 1 + 1 + 3 + 3 + 2 + 3);
    for id in &all {
        let (version, variant) = (id.chars().nth(14), id.chars().nth(19));
        assert!(id.len() == 36 && version == Some('5'), "{id}");
        assert!(variant.is_some_and(|digit| "89ab".contains(digit)), "{id}");
    }
    let mut other = report();
    other.as_of += 1;
    let other = oscal::render(&other).unwrap();
    assert_ne!(one["assessment-results"]["uuid"], other["assessment-results"]["uuid"]);
}

#[test]
fn oscal_says_what_the_report_says() {
    let document = oscal::render(&report()).unwrap();
    let result = &document["assessment-results"]["results"][0];
    let states: Vec<&str> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["target"]["status"]["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["satisfied", "not-satisfied", "not-satisfied"]);
    assert_eq!(result["risks"].as_array().unwrap().len(), 2);
    assert!(result["risks"][0]["description"].as_str().unwrap().contains("8 × NVIDIA"));
    let href = result["observations"][0]["relevant-evidence"][0]["href"].as_str().unwrap();
    let resources = &document["assessment-results"]["back-matter"]["resources"];
    let resource = resources.as_array().unwrap().iter().find(|one| href[1..] == one["uuid"]);
    let link = &resource.unwrap()["rlinks"][0];
    assert_eq!(link["hashes"][0]["value"], "0f".repeat(32));
    assert!(link["href"].as_str().unwrap().starts_with("ni:///sha-256;Dw8P"));
    let level = |prop: &&Value| prop["name"] == "level";
    assert_eq!(result["props"].as_array().unwrap().iter().find(level).unwrap()["value"], "1");
}
