//! Four categories, two operations, four countries; tightening that cannot be undone; pinned digests.

use units::DataClass;

use super::{country, question, site, source};
use crate::{Action, Category, Operation, Policies, PolicySource, Question, Residency, Rule};

fn in_force(layers: &[&Residency]) -> Policies {
    let sources: Vec<PolicySource> = layers
        .iter()
        .enumerate()
        .map(|(position, residency)| source(&format!("pol_{position}"), &residency.to_cedar()))
        .collect();
    Policies::compile(&sources).unwrap()
}

fn asked(category: Category, action: Action, at: &str) -> Question {
    Question { action, category, ..question(DataClass::Internal, at, None) }
}

fn rule(category: Category, operation: Operation, codes: &[&str]) -> Rule {
    Rule { category, operation, countries: codes.iter().map(|code| country(code)).collect() }
}

/// Requirement 4: each category, stored and processed, in {FR, DE, US, CH}, under the default.
#[test]
fn by_default_all_four_categories_stay_in_the_union() {
    let policies = in_force(&[&Residency::european()]);
    for category in Category::ALL {
        for action in Action::ALL {
            for (at, allowed) in [("FR", true), ("DE", true), ("US", false), ("CH", false)] {
                let decision = policies.decide(&asked(category, action, at));
                assert_eq!(decision.allowed, allowed, "{category} {action} {at}");
                if !allowed {
                    let id = format!("pol_0/{category}-{}", action.operation());
                    assert_eq!(decision.determining, [id]);
                }
            }
        }
    }
}

/// The same matrix under rules that name each cell by itself: every cell can be opened and closed
/// without touching another.
#[test]
fn each_category_and_operation_has_countries_of_its_own() {
    let countries = ["FR", "DE", "US", "CH"];
    for category in Category::ALL {
        for operation in Operation::ALL {
            for open in countries {
                let rules = Residency { rules: vec![rule(category, operation, &[open])] };
                let policies = in_force(&[&rules]);
                for other in Category::ALL {
                    for action in Action::ALL {
                        for at in countries {
                            let named = other == category && action.operation() == operation;
                            let decision = policies.decide(&asked(other, action, at));
                            assert_eq!(decision.allowed, !named || at == open);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_narrower_scope_cannot_give_back_what_a_wider_one_took() {
    let wide = Residency { rules: vec![rule(Category::Customer, Operation::Store, &["FR", "DE"])] };
    let loose =
        Residency { rules: vec![rule(Category::Customer, Operation::Store, &["FR", "US"])] };
    let loosened = loose.loosens(&wide).unwrap();
    assert_eq!((loosened.country, loosened.operation), (country("US"), Operation::Store));
    assert!(Residency::european().loosens(&wide).is_some(), "more countries than the wider scope");
    assert!(wide.loosens(&Residency::european()).is_none());
    // Even where both are in force, the wider one holds.
    let both = in_force(&[&wide, &loose]);
    for (at, allowed) in [("FR", true), ("DE", false), ("US", false)] {
        let decision = both.decide(&asked(Category::Customer, Action::Move, at));
        assert_eq!(decision.allowed, allowed, "{at}");
    }
}

#[test]
fn an_empty_list_allows_nowhere_and_equal_rules_give_equal_text() {
    let nowhere = Residency { rules: vec![rule(Category::Account, Operation::Process, &[])] };
    let policies = in_force(&[&nowhere]);
    assert!(!policies.decide(&asked(Category::Account, Action::Place, "FR")).allowed);
    assert!(policies.decide(&asked(Category::Account, Action::Move, "FR")).allowed);
    let twice = Residency {
        rules: vec![
            rule(Category::Customer, Operation::Store, &["FR", "DE", "FR"]),
            rule(Category::Customer, Operation::Store, &["DE", "SE"]),
        ],
    };
    assert_eq!(twice.normalised().rules, [rule(Category::Customer, Operation::Store, &["DE"])]);
    assert_eq!(twice.to_cedar(), twice.normalised().to_cedar());
}

/// Sets of earlier logs name the hash of this text: to change it, an event must say which text is in
/// force since when.
#[test]
fn the_base_layer_is_the_text_that_earlier_logs_name() {
    let hash = Policies::compile(&[]).unwrap().hash().to_string();
    assert_eq!(hash, "sha256:d42f99cc91f08decc62f0e18d8b7e9aba009fe352b4cac5efaa038d844cb5db5");
}

#[test]
fn digests_tell_requests_and_sites_apart() {
    let one = asked(Category::Customer, Action::Place, "FR");
    let other_site = Question { site: site("DE", "FR"), ..one.clone() };
    let other_law = {
        let mut question = one.clone();
        question.site.legal.operator_jurisdiction = "US".to_owned();
        question
    };
    let other_class = Question { class: DataClass::Public, ..one.clone() };
    let nowhere = Question { residency: Some(Vec::new()), ..one.clone() };
    assert_ne!(one.request_digest(), other_site.request_digest());
    assert_ne!(one.request_digest(), other_class.request_digest());
    assert_ne!(one.request_digest(), nowhere.request_digest());
    assert_eq!(one.request_digest(), other_law.request_digest());
    assert_ne!(one.entities_digest(), other_law.entities_digest());
    assert_ne!(one.entities_digest(), other_site.entities_digest());
    assert_eq!(one.entities_digest(), other_class.entities_digest());
}
