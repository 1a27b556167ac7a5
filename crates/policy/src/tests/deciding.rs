//! What the base layer and an organisation's own layers answer, and how it is explained.

use std::fmt::Write as _;

use expect_test::expect;
use units::{Country, DataClass};

use super::{compile, country, question, site, source};
use crate::vocabulary::{VALIDATOR, VOCABULARY};
use crate::{
    Action, Decision, Intent, Policies, Question, Refusal, allowed_sites, explain, residency_policy,
};

fn stays(class: DataClass, codes: &[&str]) -> String {
    let countries: Vec<Country> = codes.iter().map(|code| country(code)).collect();
    residency_policy(class, &countries)
}

fn row(policies: &Policies, asked: &Question) -> String {
    let decision = policies.decide(asked);
    let residency = asked.residency.as_ref().map_or_else(
        || "-".to_owned(),
        |list| format!("[{}]", list.iter().map(Country::as_str).collect::<Vec<_>>().join(" ")),
    );
    let answer = if decision.allowed { "yes" } else { "no " };
    assert!(decision.errors.is_empty(), "{:?}", decision.errors);
    format!(
        "{:12} at {} residency {residency:7} {answer} [{}]\n",
        asked.class.as_str(),
        asked.site.country,
        decision.determining.join(" ")
    )
}

fn table(policies: &Policies) -> String {
    let mut text = String::new();
    for class in DataClass::ALL {
        for at in ["FR", "US"] {
            for residency in [None, Some(&["FR"][..]), Some(&["FR", "US"]), Some(&[])] {
                let asked = question(class, at, residency);
                let line = row(policies, &asked);
                for action in Action::ALL {
                    assert_eq!(row(policies, &Question { action, ..asked.clone() }), line);
                }
                text.write_str(&line).unwrap();
            }
        }
    }
    text
}

#[test]
fn base_layer_table() {
    expect![[r#"
        public       at FR residency -       yes [cocarde.base/open-classes]
        public       at FR residency [FR]    yes [cocarde.base/open-classes]
        public       at FR residency [FR US] yes [cocarde.base/open-classes]
        public       at FR residency []      no  [cocarde.base/residency]
        public       at US residency -       yes [cocarde.base/open-classes]
        public       at US residency [FR]    no  [cocarde.base/residency]
        public       at US residency [FR US] yes [cocarde.base/open-classes]
        public       at US residency []      no  [cocarde.base/residency]
        internal     at FR residency -       yes [cocarde.base/open-classes]
        internal     at FR residency [FR]    yes [cocarde.base/open-classes]
        internal     at FR residency [FR US] yes [cocarde.base/open-classes]
        internal     at FR residency []      no  [cocarde.base/residency]
        internal     at US residency -       yes [cocarde.base/open-classes]
        internal     at US residency [FR]    no  [cocarde.base/residency]
        internal     at US residency [FR US] yes [cocarde.base/open-classes]
        internal     at US residency []      no  [cocarde.base/residency]
        confidential at FR residency -       yes [cocarde.base/open-classes]
        confidential at FR residency [FR]    yes [cocarde.base/open-classes]
        confidential at FR residency [FR US] yes [cocarde.base/open-classes]
        confidential at FR residency []      no  [cocarde.base/residency]
        confidential at US residency -       yes [cocarde.base/open-classes]
        confidential at US residency [FR]    no  [cocarde.base/residency]
        confidential at US residency [FR US] yes [cocarde.base/open-classes]
        confidential at US residency []      no  [cocarde.base/residency]
        restricted   at FR residency -       no  []
        restricted   at FR residency [FR]    no  []
        restricted   at FR residency [FR US] no  []
        restricted   at FR residency []      no  [cocarde.base/residency]
        restricted   at US residency -       no  []
        restricted   at US residency [FR]    no  [cocarde.base/residency]
        restricted   at US residency [FR US] no  []
        restricted   at US residency []      no  [cocarde.base/residency]
    "#]]
    .assert_eq(&table(&compile(&[]).unwrap()));
}

#[test]
fn restricted_data_stays_where_its_organisation_says() {
    let policies = compile(&[&stays(DataClass::Restricted, &["FR", "DE"])]).unwrap();
    expect![[r#"
        public       at FR residency -       yes [cocarde.base/open-classes]
        public       at FR residency [FR]    yes [cocarde.base/open-classes]
        public       at FR residency [FR US] yes [cocarde.base/open-classes]
        public       at FR residency []      no  [cocarde.base/residency]
        public       at US residency -       yes [cocarde.base/open-classes]
        public       at US residency [FR]    no  [cocarde.base/residency]
        public       at US residency [FR US] yes [cocarde.base/open-classes]
        public       at US residency []      no  [cocarde.base/residency]
        internal     at FR residency -       yes [cocarde.base/open-classes]
        internal     at FR residency [FR]    yes [cocarde.base/open-classes]
        internal     at FR residency [FR US] yes [cocarde.base/open-classes]
        internal     at FR residency []      no  [cocarde.base/residency]
        internal     at US residency -       yes [cocarde.base/open-classes]
        internal     at US residency [FR]    no  [cocarde.base/residency]
        internal     at US residency [FR US] yes [cocarde.base/open-classes]
        internal     at US residency []      no  [cocarde.base/residency]
        confidential at FR residency -       yes [cocarde.base/open-classes]
        confidential at FR residency [FR]    yes [cocarde.base/open-classes]
        confidential at FR residency [FR US] yes [cocarde.base/open-classes]
        confidential at FR residency []      no  [cocarde.base/residency]
        confidential at US residency -       yes [cocarde.base/open-classes]
        confidential at US residency [FR]    no  [cocarde.base/residency]
        confidential at US residency [FR US] yes [cocarde.base/open-classes]
        confidential at US residency []      no  [cocarde.base/residency]
        restricted   at FR residency -       yes [pol_0/restricted-inside]
        restricted   at FR residency [FR]    yes [pol_0/restricted-inside]
        restricted   at FR residency [FR US] yes [pol_0/restricted-inside]
        restricted   at FR residency []      no  [cocarde.base/residency]
        restricted   at US residency -       no  [pol_0/restricted-elsewhere]
        restricted   at US residency [FR]    no  [cocarde.base/residency pol_0/restricted-elsewhere]
        restricted   at US residency [FR US] no  [pol_0/restricted-elsewhere]
        restricted   at US residency []      no  [cocarde.base/residency pol_0/restricted-elsewhere]
    "#]]
    .assert_eq(&table(&policies));
}

#[test]
fn undecided_is_a_no() {
    let sources = [source("cocarde.base", "// nothing is said here\n")];
    let policies = Policies::compile(&sources).unwrap();
    for class in DataClass::ALL {
        let decision = policies.decide(&question(class, "FR", None));
        assert!(!decision.allowed);
        assert_eq!((decision.determining, decision.errors), (vec![], vec![]));
    }
}

#[test]
fn a_forbid_wins_over_every_permit() {
    let all = "permit (principal, action, resource);";
    let none = "forbid (principal, action == Action::\"serve\", resource);";
    let policies = compile(&[all, none, all]).unwrap();
    for action in Action::ALL {
        let asked = Question { action, ..question(DataClass::Public, "FR", None) };
        assert_eq!(policies.decide(&asked).allowed, action != Action::Serve);
    }
    let asked = question(DataClass::Restricted, "FR", None);
    assert_eq!(policies.decide(&asked).determining, ["pol_0/policy0", "pol_2/policy0"]);
}

#[test]
fn a_rule_can_look_at_the_owner_of_the_operator() {
    let rule = r#"@id("eu-owner") forbid (principal, action, resource)
        when { context.class != Class::"public" }
        unless { ["FR", "DE", "IE"].contains(resource.operator_country) };"#;
    let policies = compile(&[rule]).unwrap();
    for (owner, class, allowed) in [
        ("FR", DataClass::Internal, true),
        ("US", DataClass::Internal, false),
        ("US", DataClass::Public, true),
    ] {
        let asked = Question { site: site("FR", owner), ..question(class, "FR", None) };
        assert_eq!(policies.decide(&asked).allowed, allowed, "{owner} {class}");
    }
}

#[test]
fn rules_see_organisation_project_operator_and_certifications() {
    let rules = r#"
        permit (principal in Organisation::"org_bank", action, resource)
        when { resource.certifications.contains("SecNumCloud") };
        forbid (principal == Project::"prj_old", action, resource);
        forbid (principal, action, resource == Site::"site_de");
        forbid (principal, action, resource)
        when { resource.operator like "Autre*" || resource.name == "hall-it" };"#;
    let policies = compile(&[rules]).unwrap();
    let restricted = |change: fn(&mut Question)| {
        let mut asked = question(DataClass::Restricted, "FR", None);
        change(&mut asked);
        policies.decide(&asked).allowed
    };
    assert!(restricted(|_| ()));
    assert!(!restricted(|asked| asked.organisation = "org_rail".to_owned()));
    assert!(!restricted(|asked| asked.site.certifications.clear()));
    assert!(!restricted(|asked| asked.project = "prj_old".to_owned()));
    assert!(!restricted(|asked| asked.site = site("DE", "FR")));
    assert!(!restricted(|asked| asked.site = site("IT", "FR")));
    assert!(!restricted(|asked| asked.site.operator = "Autre SARL".to_owned()));
}

#[test]
fn odd_text_in_facts_is_only_text() {
    let policies = compile(&[]).unwrap();
    let mut asked = question(DataClass::Restricted, "FR", None);
    asked.project = "\"; permit (principal, action, resource); //".to_owned();
    asked.organisation.clone_from(&asked.project);
    asked.site.id.clone_from(&asked.project);
    assert!(!policies.decide(&asked).allowed);
    asked.class = DataClass::Internal;
    assert!(policies.decide(&asked).allowed);
}

#[test]
fn an_evaluation_error_refuses() {
    // Strict validation rules out most errors, but not an integer overflow.
    let rule = r#"forbid (principal, action, resource)
        when { 9223372036854775807 + (if resource.country == "FR" then 1 else 0) == 0 };"#;
    let policies = compile(&[rule]).unwrap();
    let asked = question(DataClass::Public, "FR", None);
    let decision = policies.decide(&asked);
    assert!(!decision.allowed);
    assert_eq!(decision.errors.len(), 1);
    let refusal = explain(&asked, &decision);
    assert!(refusal.reason.contains("pol_0/policy0"), "{}", refusal.reason);
    assert!(policies.decide(&question(DataClass::Public, "DE", None)).allowed);
}

#[test]
fn what_is_put_to_cedar_fits_the_schema() {
    for class in DataClass::ALL {
        for residency in [None, Some(&["FR"][..]), Some(&[])] {
            for action in Action::ALL {
                let asked = Question { action, ..question(class, "FR", residency) };
                VOCABULARY.put(&asked, Some(VALIDATOR.schema())).unwrap();
            }
        }
    }
}

#[test]
fn allowed_sites_keep_their_positions() {
    let policies = compile(&[&stays(DataClass::Restricted, &["FR", "DE"])]).unwrap();
    let intent = Intent {
        action: Action::Move,
        organisation: "org_bank".to_owned(),
        project: "prj_risk".to_owned(),
        class: DataClass::Restricted,
        category: crate::Category::Customer,
        residency: None,
    };
    let sites = [site("US", "US"), site("FR", "FR"), site("IT", "IT"), site("DE", "DE")];
    let allowed = allowed_sites(&policies, &intent, &sites);
    assert_eq!(allowed.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1, 3]);
    let tight = Intent { residency: Some(vec![country("DE")]), ..intent };
    let allowed = allowed_sites(&policies, &tight, &sites);
    assert_eq!(allowed.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [3]);
}

#[test]
fn refusals_read_well() {
    let stays = stays(DataClass::Restricted, &["FR"]);
    let policies = compile(&[&stays]).unwrap();
    let mut text = String::new();
    for (class, at, residency) in [
        (DataClass::Internal, "FR", None),
        (DataClass::Internal, "DE", Some(&["FR", "BE"][..])),
        (DataClass::Internal, "DE", Some(&[])),
        (DataClass::Restricted, "DE", Some(&["FR"])),
        (DataClass::Restricted, "DE", None),
    ] {
        let asked = question(class, at, residency);
        let Refusal { reason, remedy } = explain(&asked, &policies.decide(&asked));
        writeln!(text, "{reason}\n  → {remedy}").unwrap();
    }
    let asked = question(DataClass::Restricted, "FR", None);
    let Refusal { reason, remedy } = explain(&asked, &compile(&[]).unwrap().decide(&asked));
    writeln!(text, "{reason}\n  → {remedy}").unwrap();
    expect![[r#"
        place of internal data at site `hall-fr` (FR, operated under FR jurisdiction) is allowed by policy `cocarde.base/open-classes`
          → nothing needs to be done
        place of internal data at site `hall-de` (DE, operated under FR jurisdiction) is forbidden by policy `cocarde.base/residency`: the residency list of the job or project allows FR, BE
          → choose a site in FR, BE, or add the country to the residency list of the job or project
        place of internal data at site `hall-de` (DE, operated under FR jurisdiction) is forbidden by policy `cocarde.base/residency`: the residency list of the job or project allows no country
          → name at least one country in the residency list
        place of restricted data at site `hall-de` (DE, operated under FR jurisdiction) is forbidden by policies `cocarde.base/residency`, `pol_0/restricted-elsewhere`: the residency list of the job or project allows FR
          → choose a site in FR, or add the country to the residency list of the job or project; the other policies named must agree too
        place of restricted data at site `hall-de` (DE, operated under FR jurisdiction) is forbidden by policy `pol_0/restricted-elsewhere`
          → choose a site that the policy accepts, or ask an administrator of the organisation to change the policy
        place of restricted data at site `hall-fr` (FR, operated under FR jurisdiction) is refused because no policy permits it
          → ask an administrator of organisation `org_bank` for a policy that permits restricted data in FR, or choose a site where one already does
    "#]].assert_eq(&text);
}

#[test]
fn decisions_are_recorded_as_written() {
    let policies = compile(&[]).unwrap();
    let asked = question(DataClass::Internal, "FR", None);
    let mut decision = policies.decide(&asked);
    decision.policy_set = units::Digest([7; 32]);
    let text = serde_json::to_string(&(&decision, Action::Serve)).unwrap();
    expect![[r#"[{"allowed":true,"determining":["cocarde.base/open-classes"],"errors":[],"policy_set":"sha256:0707070707070707070707070707070707070707070707070707070707070707"},"serve"]"#]].assert_eq(&text);
    let (back, _): (Decision, Action) = serde_json::from_str(&text).unwrap();
    assert_eq!(back, decision);
    let text = serde_json::to_string(&asked).unwrap();
    assert_eq!(serde_json::from_str::<Question>(&text).unwrap(), asked);
}
