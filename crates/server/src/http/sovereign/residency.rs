//! Typed residency rules of a scope: put in force, read with what holds there.

use api::{
    nouns::residency::{
        DataCategory, DataOperation, Residency, ResidencyGet, ResidencyRule, ResidencySet,
    },
    reference::PolicyScope,
};
use kernel::{
    Command, State,
    access::{Role, Scope},
    policy_set,
};
use policy::{Category, Operation, Rule};

use crate::http::{
    bindings::scope_dto,
    fail::Fail,
    mount::{Call, as_of},
    resolve,
};

/// `PUT /api/v1/residency`
pub(crate) async fn set(call: Call<ResidencySet>) -> Result<Residency, Fail> {
    let new = &call.body;
    let scope = call.read(|state| {
        resolve::policy_scope(state, &call.caller, Role::Administrator, &new.scope)
    })?;
    let residency = policy::Residency { rules: new.rules.iter().map(rule).collect() };
    let command = Command::PolicySet(policy_set::Command::SetResidency { scope, residency });
    let accepted = call.submit(command).await?;
    Ok(call.read(|state| dto(state, scope, accepted.seq)))
}

/// `GET /api/v1/residency`
pub(crate) async fn get(call: Call<ResidencyGet>) -> Result<Residency, Fail> {
    call.read(|state| {
        let given = &call.query.scope;
        let scope = match given {
            // Who is bound by the platform's rules may read them.
            PolicyScope::Platform => Scope::Platform,
            PolicyScope::Organisation(_) | PolicyScope::Project(_) => {
                resolve::policy_scope(state, &call.caller, Role::Viewer, given)?
            }
        };
        Ok(dto(state, scope, as_of(state)))
    })
}

pub(super) fn rule(given: &ResidencyRule) -> Rule {
    Rule {
        category: category(given.category),
        operation: match given.operation {
            DataOperation::Store => Operation::Store,
            DataOperation::Process => Operation::Process,
        },
        countries: given.countries.clone(),
    }
}

pub(super) const fn category(given: DataCategory) -> Category {
    match given {
        DataCategory::Customer => Category::Customer,
        DataCategory::Derived => Category::Derived,
        DataCategory::Account => Category::Account,
        DataCategory::Provider => Category::Provider,
    }
}

fn shown(rule: &Rule) -> ResidencyRule {
    ResidencyRule {
        category: match rule.category {
            Category::Customer => DataCategory::Customer,
            Category::Derived => DataCategory::Derived,
            Category::Account => DataCategory::Account,
            Category::Provider => DataCategory::Provider,
        },
        operation: match rule.operation {
            Operation::Store => DataOperation::Store,
            Operation::Process => DataOperation::Process,
        },
        countries: rule.countries.clone(),
    }
}

fn dto(state: &State, scope: Scope, seq: u64) -> Residency {
    let own = policy_set::residency_of(state, scope);
    let rules = own.and_then(|set| set.residency.as_ref());
    Residency {
        scope: scope_dto(scope),
        policy: own.map(|set| set.id),
        rules: rules.map(|rules| rules.rules.iter().map(shown).collect()).unwrap_or_default(),
        effective: policy_set::effective(state, scope).rules.iter().map(shown).collect(),
        seq,
    }
}
