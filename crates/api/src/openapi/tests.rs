//! Checks that the document says every endpoint once and is whole.

use std::collections::BTreeSet;

use super::*;

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn every_endpoint_is_in_the_document_exactly_once() {
    let document = document();
    let written = operations(&document);
    let ours = nouns::endpoints();
    assert_eq!(written.len(), ours.len() + 3, "three routes are described by hand");
    let ids: BTreeSet<&str> = ours.iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), ours.len(), "operation ids differ");
    for operation in &ours {
        let path = operation.path.replace("{*", "{");
        let found = written.iter().filter(|(_, _, value)| value["operationId"] == operation.id);
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), 1, "{}", operation.id);
        assert_eq!((found[0].0.as_str(), &found[0].1), (operation.method.as_str(), &path));
        assert_eq!(found[0].2["x-permission"], operation.permission.as_str());
    }
}

#[test]
fn path_parameters_are_those_of_the_path() {
    let document = document();
    let written = operations(&document);
    for operation in nouns::endpoints() {
        let (_, _, value) = written.iter().find(|o| o.2["operationId"] == operation.id).unwrap();
        let named = value["parameters"].as_array().unwrap().iter();
        let named: BTreeSet<&str> =
            named.filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(named, operation.path_parameters().into_iter().collect(), "{}", operation.id);
    }
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn the_document_is_the_same_every_time() {
    assert_eq!(document().to_string(), document().to_string());
}

#[test]
fn dtos_do_not_share_a_name_by_accident() {
    // schemars numbers a second type of the same name, such as `Event2`.
    let document = document();
    let names = document["components"]["schemas"].as_object().unwrap();
    let numbered: Vec<_> = names.keys().filter(|n| n.ends_with(|c: char| c.is_numeric())).collect();
    assert!(numbered.is_empty(), "{numbered:?}");
}
