//! No personal data in clear in entries, as a rule over types: every field of free text in the kernel's
//! nouns is listed here with what it holds. A new one fails this test until somebody has thought about
//! whether it can name a person; what names a person is an id and a commitment.

use std::{collections::BTreeSet, fs, path::Path};

/// `file field`: what it holds. None of them is about a person.
const TEXTS: &[(&str, &str)] = &[
    ("audit.rs message", "a finding, never logged"),
    ("command.rs idempotency_key", "the caller's random key"),
    ("consent/mod.rs operation", "an operation of the API"),
    ("consent/mod.rs request", "method, path and query of a request, without addresses"),
    ("dataset/mod.rs source", "a generator, an address, or the id of a key"),
    ("decision/draft.rs because", "ids of policies"),
    ("decision/draft.rs name", "the name of a resource"),
    ("endpoint/event.rs reason", "a refusal: names and ids of resources, and amounts"),
    ("endpoint/mod.rs held", "the same"),
    ("endpoint/routing.rs model", "the name of a model elsewhere"),
    ("endpoint/serving.rs address", "host and port of a service"),
    ("event.rs key", "the caller's random key"),
    ("evidence/mod.rs criterion", "the id of a criterion"),
    ("idempotency.rs by_key", "the caller's random key"),
    ("idempotency.rs key", "the caller's random key"),
    ("identity_provider/mod.rs claim", "the name of a group at a provider"),
    ("identity_provider/mod.rs client_id", "who the platform is at a provider"),
    ("identity_provider/mod.rs group_claim", "the name of a claim"),
    ("identity_provider/mod.rs issuer", "the address of a provider"),
    ("identity_provider/mod.rs scopes", "names of scopes"),
    ("inventory.rs name", "the name of a resource"),
    ("model/mod.rs metric", "the name of a measure"),
    ("model/mod.rs program", "a program with its version"),
    ("node/hardware.rs cut", "models of GPUs"),
    ("node/hardware.rs models", "models of GPUs"),
    ("node/mod.rs cpu_model", "hardware"),
    ("node/mod.rs hostname", "a machine"),
    ("node/mod.rs limits", "a mechanism of the machine"),
    ("node/mod.rs model", "hardware"),
    ("node/mod.rs power", "a meter"),
    ("node/mod.rs reason", "what the operator says of a machine"),
    ("node/mod.rs sandbox", "a mechanism of the machine"),
    ("node/mod.rs system", "an operating system"),
    ("node/mod.rs uuid", "a GPU"),
    ("node/mod.rs virtual_host", "a machine"),
    ("policy_set/mod.rs text", "rules in Cedar"),
    ("power/mod.rs source", "where a series is from"),
    ("project/guardrail.rs pattern", "an expression: the tenant's own rule on forms of text"),
    ("role/mod.rs permissions", "operations of the API"),
    ("site/mod.rs carbon_source", "where a figure is from"),
    ("site/mod.rs certifications", "names of schemes"),
    ("site/mod.rs operator", "a legal entity"),
    ("standing/mod.rs key_service", "a host, in no entry: what a score is told from outside"),
    ("transfer/mod.rs origin", "the name of a log"),
    ("upstream/mod.rs model", "the name of a model elsewhere"),
    ("upstream/mod.rs url", "the address of a server of models, without user or query"),
    ("usage/ledger.rs carbon_sources", "where figures are from"),
    ("usage/ledger.rs energy_sources", "meters and models"),
    ("usage/mod.rs carbon_source", "where a figure is from"),
    ("usage/mod.rs source", "a meter or a model"),
    ("usage/recent.rs gpu_micros", "models of GPUs"),
    ("workload/cap.rs reason", "why power was limited"),
    ("workload/event.rs energy_source", "a meter or a model"),
    ("workload/event.rs message", "why outputs could not be kept"),
    ("workload/event.rs reason", "how an attempt ended"),
    ("workload/mod.rs address", "host and port of a service"),
    ("workload/mod.rs message", "why outputs could not be kept"),
    ("workload/mod.rs reason", "how an attempt ended"),
    ("workload/node_runs.rs runs", "positions of nodes"),
    ("workload/preempt.rs reason", "why it makes room"),
    ("workload/spec.rs environment", "the tenant's settings of its own program"),
    ("workload/spec.rs gpu_model", "hardware"),
    ("workload/spec.rs image", "a container image"),
    ("workload/spec.rs mount", "a path in the workload"),
    ("workload/spec.rs script", "the tenant's own program"),
    ("workload/spec.rs stop_signal", "a signal"),
    ("workload/terms.rs gpu_profile", "a part of a GPU"),
    ("workload/terms.rs model", "hardware"),
];

/// Words that a field about a person would be called by.
const PERSONAL: [&str; 8] =
    ["email", "first_name", "last_name", "surname", "phone", "birth", "user_name", "display_name"];

/// The fields of free text in a file: `name: String`, and the same within other types.
fn texts_of(text: &str) -> BTreeSet<String> {
    let fields = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let fields = fields.filter_map(|line| {
        let (name, kind) = line.strip_prefix("pub ").unwrap_or(line).split_once(": ")?;
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let kind = kind.strip_suffix(',')?;
        let wrapped = ["Option<", "Vec<", "Box<", "BTreeMap<", "BTreeSet<"];
        let is_text = kind == "String"
            || (wrapped.iter().any(|w| kind.starts_with(w)) && kind.contains("String"));
        (plain && is_text).then(|| name.to_owned())
    });
    fields.collect()
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // What is only between the kernel and its callers is in no entry.
        let skipped = ["tests", "tests.rs", "planner", "decide.rs", "apply.rs", "reject.rs"];
        if path.is_dir() && !skipped.contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") && !skipped.contains(&name.as_str()) {
            found.push(path);
        }
    }
}

#[test]
fn every_free_text_of_an_entry_is_known_and_about_no_person() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut found = BTreeSet::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        let texts = texts_of(&fs::read_to_string(&file).unwrap());
        found.extend(texts.into_iter().map(|field| format!("{name} {field}")));
    }
    let known: BTreeSet<String> = TEXTS.iter().map(|(text, _)| (*text).to_owned()).collect();
    assert_eq!(found, known, "say in TEXTS what a new text holds, or keep it in the vault");
    for text in &found {
        assert!(!PERSONAL.iter().any(|word| text.contains(word)), "`{text}` is about a person");
    }
}

#[test]
fn the_rule_sees_a_text_however_it_is_wrapped() {
    let text = "pub email: String,\n  note: Option<String>,\n// old: String,\n x: u32,\n  m: BTreeMap<String, u8>,";
    let expected = ["email", "m", "note"].map(ToOwned::to_owned);
    assert_eq!(texts_of(text), expected.into_iter().collect());
}
