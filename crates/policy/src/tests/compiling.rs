//! Which texts are taken into force, what is said about the others, and the hash.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::expect;
use proptest::prelude::*;
use units::DataClass;

use super::{compile, country, question, source};
use crate::{
    Fault, NESTING_MAX, OPERATORS_MAX, POLICIES_MAX, Policies, PolicySource, SCHEMA,
    SOURCE_BYTES_MAX, SOURCES_MAX, base_source, residency_policy,
};

#[test]
fn faults_name_place_and_remedy() {
    let mut text = String::new();
    for faulty in [
        "permit (principal, action, resource)",
        "\n\npermit (principle, action, resource);",
        "permit (principal, action, resource)\nwhen { context.class == };",
        "// one\n\"open\n",
        "permit (principal, action, resource)\nwhen { context.class == Class::\"secret\" };",
        "permit (principal, action, resource)\nwhen {\n resource.contry == \"FR\" };",
        "permit (principal, action, resource)\nwhen { context.residency.contains(\"FR\") };",
        "permit (principal, action == Action::\"delete\", resource);",
        "\nforbid (principal, action, resource) when { false };",
        "permit (principal == ?principal, action, resource);",
        "@id(\"a b\") permit (principal, action, resource);",
        "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
        "@id(\"policy1\") permit (principal, action, resource);\npermit (principal, action, resource);",
        "permit (principal, action, resource)\nwhen { resource.operator == \"s\u{430}s\" };",
    ] {
        let error = compile(&["", faulty]).expect_err(faulty);
        assert_eq!(error.source_id, "pol_1");
        writeln!(text, "{error}").unwrap();
    }
    expect![[r#"
        policy source `pol_1`, line 1: unexpected end of input; compare it with the Cedar policy grammar
        policy source `pol_1`, line 3: found an invalid variable in the policy scope: principle; policy scopes must contain a `principal`, `action`, and `resource` element in that order
        policy source `pol_1`, line 2: unexpected token `}`; compare it with the Cedar policy grammar
        policy source `pol_1`, line 2: a string is not closed; add the missing `"`
        policy source `pol_1`, line 2: for policy `pol_1/policy0`: entity `Class::"secret"` is of an enumerated entity type, but `"secret"` is not declared as a valid eid; valid entity eids: "public", "internal", "confidential", "restricted"
        policy source `pol_1`, line 3: for policy `pol_1/policy0`, attribute `contry` on entity type `Site` not found; use the types `Organisation`, `Project`, `Site`, `Class` and `Category`, the actions `place`, `move` and `serve`, the site attributes `name`, `country`, `operator`, `operator_country`, `certifications`, `operator_entity`, `operator_jurisdiction`, `owner_entity`, `owner_jurisdiction` and `ownership_met`, and the context attributes `class`, `category` and `residency`
        policy source `pol_1`, line 2: for policy `pol_1/policy0`, unable to guarantee safety of access to optional attribute `residency` in context for Action::"move"; try testing for the attribute's presence with `context has residency && ..`
        policy source `pol_1`, line 1: for policy `pol_1/policy0`, unrecognized action `Action::"delete"`; use the types `Organisation`, `Project`, `Site`, `Class` and `Category`, the actions `place`, `move` and `serve`, the site attributes `name`, `country`, `operator`, `operator_country`, `certifications`, `operator_entity`, `operator_jurisdiction`, `owner_entity`, `owner_jurisdiction` and `ownership_met`, and the context attributes `class`, `category` and `residency`
        policy source `pol_1`, line 2: for policy `pol_1/policy0`, policy is impossible: the policy expression evaluates to false for all valid requests; rewrite or remove it: a rule that only looks like one is not taken into force
        policy source `pol_1`: it has a policy template (`?principal` or `?resource`); name the project, organisation or site instead of a slot
        policy source `pol_1`, line 1: `a b` is not usable as a policy id; write `@id("…")` with 1 to 64 letters, digits, `.`, `_` or `-`
        policy source `pol_1`, line 2: the policy id `pol_1/a` is used twice; give every policy its own `@id("…")`
        policy source `pol_1`, line 2: the policy id `pol_1/policy1` is used twice; give every policy its own `@id("…")`
        policy source `pol_1`, line 2: for policy `pol_1/policy0`, string `"sаs"` contains mixed scripts; rewrite or remove it: a rule that only looks like one is not taken into force
    "#]].assert_eq(&text);
}

#[test]
fn the_remedy_names_what_the_schema_knows() {
    let error = compile(&["permit (principal, action == Action::\"x\", resource);"]).unwrap_err();
    let remedy = error.fault.remedy();
    let named: BTreeSet<&str> = remedy.split('`').skip(1).step_by(2).collect();
    let known: BTreeSet<&str> = SCHEMA
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| !SCHEMA_SYNTAX.contains(word))
        .collect();
    assert_eq!(named, known);
}

/// Words of the schema's text that are no names a policy uses.
const SCHEMA_SYNTAX: &[&str] = &[
    "",
    "entity",
    "in",
    "enum",
    "String",
    "Set",
    "Bool",
    "customer",
    "derived",
    "account",
    "provider",
    "action",
    "appliesTo",
    "principal",
    "resource",
    "context",
    "public",
    "internal",
    "confidential",
    "restricted",
];

#[test]
fn limits_hold() {
    let fault = |sources: &[PolicySource]| Policies::compile(sources).unwrap_err().fault;
    let many: Vec<PolicySource> =
        (0..=SOURCES_MAX).map(|n| source(&format!("pol_{n}"), "")).collect();
    assert_eq!(fault(&many), Fault::TooManySources { given: SOURCES_MAX + 1 });
    assert!(Policies::compile(&many[..SOURCES_MAX]).is_ok());
    let long = " ".repeat(SOURCE_BYTES_MAX + 1);
    assert_eq!(fault(&[source("a", &long)]), Fault::TooLong { bytes: SOURCE_BYTES_MAX + 1 });
    assert!(Policies::compile(&[source("a", &long[1..])]).is_ok());
    for id in ["", "a/b", "a b", "é", &"x".repeat(65)] {
        assert_eq!(fault(&[source(id, "")]), Fault::SourceId, "{id}");
    }
    assert_eq!(fault(&[source("a", ""), source("a", "")]), Fault::DuplicateSource);
    assert_eq!(fault(&[source("a", ""), base_source()]), Fault::BaseNotFirst);
    assert_eq!(fault(&[base_source(), base_source()]), Fault::DuplicateSource);
    let policies = "permit(principal,action,resource);".repeat(POLICIES_MAX / 2);
    assert_eq!(fault(&[source("a", &policies), source("b", &policies)]), Fault::TooManyPolicies);
}

/// Compiles a condition on a thread with little stack and says what is wrong with it.
fn on_a_small_thread(condition: &str) -> Option<Fault> {
    let text = format!("permit (principal, action, resource) when {{ {condition} }};");
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let run = move || {
        let policies = compile(&[&text]).map_err(|error| error.fault)?;
        // What compiles must also be evaluated without running out of stack.
        let decision = policies.decide(&question(DataClass::Public, "DE", None));
        assert!(decision.allowed, "{:?}", decision.errors);
        Ok(())
    };
    small.spawn(run).unwrap().join().unwrap().err()
}

#[test]
fn the_deepest_texts_get_the_same_verdict_on_a_small_thread() {
    let most = |operators_each: u32, others: u32| {
        usize::try_from((OPERATORS_MAX - others) / operators_each).unwrap()
    };
    let nested = usize::try_from(NESTING_MAX - 1).unwrap();
    let is_fr = "resource.country == \"FR\"";
    let shapes = [
        // (before, repeated how often, good middle, bad middle, after)
        (format!("{is_fr} && "), most(2, 1), is_fr, "resource.x", String::new()),
        (String::new(), most(2, 1), is_fr, "resource.x", format!(" || {is_fr}")),
        (format!("if {is_fr} then true else "), most(2, 2), is_fr, "resource.x", String::new()),
        ("(".to_owned(), nested, is_fr, "resource.x", ")".to_owned()),
    ];
    for (before, times, good, bad, after) in shapes {
        let whole = |middle| format!("{}{middle}{}", before.repeat(times), after.repeat(times));
        assert_eq!(on_a_small_thread(&whole(good)), None, "{before}…{after}");
        let fault = on_a_small_thread(&whole(bad));
        assert!(matches!(fault, Some(Fault::Meaning { .. })), "{before}…{after}: {fault:?}");
    }
    let sum = |first: &str| format!("{first}{} == 3", " + 1".repeat(most(1, 1)));
    assert_eq!(on_a_small_thread(&sum("1")), None);
    assert!(matches!(on_a_small_thread(&sum("resource.x")), Some(Fault::Meaning { .. })));
    let dots = format!("context{}", ".a".repeat(most(1, 0)));
    assert!(matches!(on_a_small_thread(&dots), Some(Fault::Meaning { .. })));
}

#[test]
fn deeper_texts_are_refused_before_parsing() {
    for (text, fault) in [
        ("(".repeat(10_000), Fault::TooNested),
        ("[{".repeat(10_000), Fault::TooNested),
        ("true && ".repeat(4_000), Fault::TooManyOperators),
        ("true || ".repeat(4_000), Fault::TooManyOperators),
        ("if true then true else ".repeat(1_000), Fault::TooManyOperators),
        (format!("1{}", " + 1".repeat(4_000)), Fault::TooManyOperators),
        (format!("context{}", ".a".repeat(4_000)), Fault::TooManyOperators),
        ("!".repeat(4_000), Fault::TooManyOperators),
    ] {
        assert_eq!(on_a_small_thread(&text), Some(fault));
    }
    // Quotes and comments hide nothing from the scan that Cedar would see.
    let hidden = format!("\"\\\"\" == {} // \"\n", "(".repeat(10_000));
    assert_eq!(on_a_small_thread(&hidden), Some(Fault::TooNested));
}

#[test]
fn the_hash_pins_text_order_and_boundaries() {
    let hash = |sources: &[PolicySource]| Policies::compile(sources).unwrap().hash();
    let (a, b) = (source("a", "// 1"), source("b", "// 2"));
    let hashes = [
        hash(&[]),
        hash(std::slice::from_ref(&a)),
        hash(&[a.clone(), b.clone()]),
        hash(&[b, a]),
        hash(&[source("a", "// 1 ")]),
        hash(&[source("a1", "// 1")]),
        hash(&[source("cocarde.base", "// 1")]),
    ];
    for (position, one) in hashes.iter().enumerate() {
        assert!(!hashes[..position].contains(one), "{position}");
    }
    assert_eq!(hash(&[base_source()]), hash(&[]));
}

#[test]
fn policies_are_named_by_annotation_or_position() {
    let text = "permit (principal, action, resource);\n// x\n@id(\"mine\") forbid (principal, action, resource);";
    let policies = compile(&[text, text]).unwrap();
    expect![[r#"
        cocarde.base/open-classes
        cocarde.base/residency
        pol_0/policy0
        pol_0/mine
        pol_1/policy0
        pol_1/mine"#]]
    .assert_eq(&policies.ids().join("\n"));
}

#[test]
fn residency_text_is_stable() {
    let countries = ["FR", "DE", "FR"].map(country);
    expect![[r#"
        // Data of class restricted stays in the countries listed.
        @id("restricted-inside")
        permit (principal, action, resource)
        when { context.class == Class::"restricted" && ["DE", "FR"].contains(resource.country) };

        @id("restricted-elsewhere")
        forbid (principal, action, resource)
        when { context.class == Class::"restricted" && !["DE", "FR"].contains(resource.country) };
    "#]]
    .assert_eq(&residency_policy(DataClass::Restricted, &countries));
    for class in DataClass::ALL {
        let nowhere = compile(&[&residency_policy(class, &[])]).unwrap();
        assert!(!nowhere.decide(&question(class, "FR", None)).allowed);
    }
}

/// Pieces of Cedar, so that random texts get past the first token.
const PIECES: &[&str] = &[
    "permit",
    "forbid",
    "(",
    ")",
    "principal",
    "action",
    "resource",
    ",",
    ";",
    "when",
    "unless",
    "{",
    "}",
    "context",
    ".",
    "class",
    "country",
    "==",
    "Class::\"public\"",
    "\"FR\"",
    "[",
    "]",
    "&&",
    "||",
    "!",
    "if",
    "then",
    "else",
    "in",
    "is",
    "Site",
    "has",
    "like",
    "-",
    "1",
    "@id",
    "\"",
    "//",
    "\n",
    "?principal",
    "contains",
    "é",
    "\\",
    "permit (principal, action, resource)",
];

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", id in "\\PC{0,20}") {
        let _ = Policies::compile(&[source("a", &text), source(&id, "")]);
    }

    #[test]
    fn no_pieces_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: Vec<&str> = pieces.iter().map(|&piece| PIECES[piece]).collect();
        let compiled = compile(&[&text.join(" ")]);
        let _ = compile(&[&text.concat()]);
        // Whatever was compiled answers, and a residency list still only tightens.
        if let Ok(policies) = compiled {
            let outside = policies.decide(&question(DataClass::Restricted, "FR", Some(&["DE"])));
            prop_assert!(!outside.allowed);
        }
    }
}
