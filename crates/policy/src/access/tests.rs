//! The masks say what Cedar says, for every role, action and relation of scopes.

use std::collections::BTreeSet;

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};

use super::*;

const BANK: Where = Where { organisation: Some("bank"), project: None };
const RISK: Where = Where { organisation: Some("bank"), project: Some("risk") };
const RETAIL: Where = Where { organisation: Some("bank"), project: Some("retail") };
const RAIL: Where = Where { organisation: Some("rail"), project: None };
const TRAINS: Where = Where { organisation: Some("rail"), project: Some("trains") };
const PLACES: [Where; 6] = [Where::FLEET, BANK, RISK, RETAIL, RAIL, TRAINS];

/// What the tree of scopes says, in the plainest words.
fn covers(on: Where, target: Where) -> bool {
    match (on.organisation, on.project) {
        (None, _) => true,
        (mine, None) => target.organisation == mine,
        (mine, project) => target.organisation == mine && target.project == project,
    }
}

fn all_actions() -> Vec<(Action, &'static str)> {
    let groups = Group::ALL.into_iter().map(|group| (Action::Group(group), group.as_str()));
    let operations = operations().map(|(id, _)| id);
    let operations = operations.map(|id| (Action::Operation(Operation::named(id).unwrap()), id));
    groups.chain(operations).collect()
}

#[test]
fn a_mask_permits_what_cedar_permits_for_every_role_action_and_relation_of_scopes() {
    let actions = all_actions();
    let mut n_yes = 0;
    let mut n_asked = 0;
    for role in Role::ALL {
        for on in [Where::FLEET, BANK, RISK] {
            for target in PLACES {
                // Cedar forbids what is not active whatever was given: one relation shows it.
                let inactive = (on == BANK && target == RISK).then_some(false);
                for active in std::iter::once(true).chain(inactive) {
                    let policy = ROLES.to_owned();
                    let grant = Grant { policy, template: role.as_str(), on };
                    let names = actions.iter().map(|(_, name)| *name);
                    let cedar = cedar::permitted(&grant, &Question { active, target }, names);
                    for ((action, name), cedar) in actions.iter().zip(cedar) {
                        let mask = active && covers(on, target) && role.mask().allows(*action);
                        assert_eq!(mask, cedar, "{role} on {on:?}: {name} on {target:?}");
                        n_yes += u32::from(cedar);
                        n_asked += 1;
                    }
                }
            }
        }
    }
    assert!(n_yes > 3_000 && n_yes < n_asked / 2, "{n_yes} of {n_asked} permitted");
}

#[test]
fn the_texts_are_valid_in_strict_mode() {
    let (schema, warnings) = Schema::from_cedarschema_str(SCHEMA).unwrap();
    assert_eq!(warnings.count(), 0);
    let validator = Validator::new(schema);
    for text in [ROLES.to_owned(), role_policy(["read", "workload_create"])] {
        let set: PolicySet = text.parse().unwrap();
        let result = validator.validate(&set, ValidationMode::Strict);
        assert!(result.validation_passed_without_warnings(), "{result}");
    }
}

#[test]
fn a_custom_role_is_what_its_names_say_in_cedar_too() {
    let samples: [&[&str]; 5] = [
        &["read"],
        &["workload_create", "workload_get"],
        &["bill", "workload_stop"],
        &["study", "administer"],
        &["infer"],
    ];
    for names in samples {
        let mask = permissions(names.iter().copied());
        let policy = role_policy(names.iter().copied());
        let grant = Grant { policy, template: "custom", on: BANK };
        let (actions, asked) = (all_actions(), Question { active: true, target: RISK });
        let cedar = cedar::permitted(&grant, &asked, actions.iter().map(|(_, name)| *name));
        for ((action, name), expected) in actions.into_iter().zip(cedar) {
            // A group inside another is permitted with it; no mask of names says so of a group.
            if action != Action::Group(Group::Infer) || names.contains(&"infer") {
                assert_eq!(mask.allows(action), expected, "{names:?}: {name}");
            }
        }
    }
    assert!(permission("content").is_err() && permission("workload_creat").is_err());
    assert!(permissions(["gone"]).is_nothing());
}

#[test]
fn roles_contain_each_other_as_promised() {
    let mask = Role::mask;
    let administrator = mask(Role::Administrator);
    for role in Role::ALL.into_iter().filter(|role| role.is_of_tenant()) {
        assert!(mask(role).within(administrator), "{role}");
        assert!(!mask(role).is_nothing(), "{role}");
    }
    assert!(administrator.within(mask(Role::Operator)));
    assert!(mask(Role::Viewer).within(mask(Role::Member)));
    assert!(mask(Role::Member).within(mask(Role::Teacher)));
    let of_student: BTreeSet<_> = mask(Role::Student).operations().collect();
    assert!(of_student.len() > 20);
    let of_member: BTreeSet<_> = mask(Role::Member).operations().collect();
    assert!(of_student.is_subset(&of_member));
    let operate = permission("operate").unwrap();
    for (role, is_tenants) in Role::ALL.map(|role| (role, role != Role::Operator)) {
        assert_eq!(mask(role).allows(Action::Group(Group::Operate)), !is_tenants, "{role}");
        // Reading the fleet's settings is all that an auditor has of them.
        let of_fleet: Vec<_> = mask(role).and(operate).operations().collect();
        let audit = ["audit_verify", "power_budget_list", "power_figures_list"];
        assert!(!is_tenants || of_fleet.iter().all(|id| audit.contains(id)), "{role} {of_fleet:?}");
    }
}

#[test]
fn an_auditor_sees_events_and_identities_and_billing_nothing_that_is_a_tenants_own() {
    let own = |role: Role| role.mask().and(own()).operations().collect::<BTreeSet<_>>();
    assert_eq!(own(Role::Billing), BTreeSet::new());
    let of_auditor = own(Role::Auditor);
    for seen in ["workload_events", "receipt_get", "key_list", "binding_list"] {
        assert!(of_auditor.contains(seen), "{seen}");
    }
    for shut in ["blob_get", "workload_logs", "dataset_get", "workload_get", "organisation_export"]
    {
        assert!(!of_auditor.contains(shut) && own(Role::Administrator).contains(shut), "{shut}");
    }
}

#[test]
fn names_of_roles_are_read_back() {
    for role in Role::ALL {
        assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
        assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{role}\""));
    }
    assert_eq!("admin".parse::<Role>().unwrap(), Role::Administrator);
    let error = "root".parse::<Role>().unwrap_err().to_string();
    assert!(error.starts_with("`root` is no role: use one of inference, viewer"), "{error}");
}
