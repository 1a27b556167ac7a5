//! Refusals: one component for every set of codes that share a status somewhere.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    nouns,
    problem::{self, Code},
};

/// The component that describes these codes, which share a status.
pub(super) fn refusal_name(codes: &[Code]) -> String {
    codes.iter().map(|code| code.slug()).collect::<Vec<_>>().join(".")
}

fn refusal(codes: &[Code]) -> Value {
    let texts = codes.iter().map(|code| format!("`{}`: {}", code.slug(), code.info().title));
    json!({
        "description": texts.collect::<Vec<_>>().join("; "),
        "content": { problem::MEDIA_TYPE: {
            "schema": { "$ref": "#/components/schemas/Problem" },
        } },
    })
}

/// Every set of codes that some endpoint answers with under one status.
pub(super) fn responses() -> Map<String, Value> {
    let mut all = Map::new();
    for operation in nouns::endpoints() {
        for codes in by_status(&operation.codes).into_values() {
            all.insert(refusal_name(&codes), refusal(&codes));
        }
    }
    all
}

pub(super) fn by_status(codes: &[Code]) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status
}
