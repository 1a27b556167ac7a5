//! Policies: put in force, list those that bind the caller's scope, get.

use api::{
    nouns::{
        common::Page,
        policy::{Policy, PolicyGet, PolicyList, PolicySet},
    },
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{self as kernel_access, Role, Scope},
    policy_set,
};
use sha2::{Digest as _, Sha256};
use units::{Digest, Id, kinds};

use super::{
    bindings::scope_dto,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page, resolve, unexpected,
};

/// `POST /api/v1/policies`
pub(crate) async fn set(call: Call<PolicySet>) -> Result<Policy, Fail> {
    let new = &call.body;
    let scope = call.read(|state| {
        resolve::policy_scope(state, &call.caller, Role::Administrator, &new.scope)
    })?;
    let (name, text) = (new.name.clone(), new.text.clone());
    let command = Command::PolicySet(policy_set::Command::Set { scope, name, text });
    let accepted = call.submit(command).await?;
    let Some(Subject::Policy(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.policy_sets.get(&id).map(|p| dto(p, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/policies`
pub(crate) async fn list(call: Call<PolicyList>) -> Result<Page<Policy>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Policy>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let named = |p: &policy_set::PolicySet| query.name.as_ref().is_none_or(|n| *n == p.name);
        let all = state.policy_sets.range(page::after(&wanted));
        let items = all.filter(|(_, p)| named(p) && binds(state, &call.caller, p.scope));
        let items = items.map(|(id, policy)| (*id, dto(policy, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/policies/{id}`
pub(crate) async fn get(call: Call<PolicyGet>) -> Result<Policy, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.policy_sets.get(&id);
        let found = found.filter(|policy| binds(state, &call.caller, policy.scope));
        found.map(|p| dto(p, as_of(state))).ok_or_else(|| Fail::not_found("policy", id))
    })
}

/// True if a policy of that scope binds what the caller does, or the caller's scope covers it: who
/// is bound by a policy may read it, and who administers it as well.
fn binds(state: &State, caller: &Caller, scope: Scope) -> bool {
    let mine = super::access::scopes(caller, Role::Viewer);
    mine.into_iter().any(|mine| {
        kernel_access::covers(state, mine, scope) || kernel_access::covers(state, scope, mine)
    })
}

fn dto(policy: &policy_set::PolicySet, seq: u64) -> Policy {
    Policy {
        id: policy.id,
        scope: scope_dto(policy.scope),
        name: policy.name.clone(),
        text: policy.text.clone(),
        digest: Digest(Sha256::digest(policy.text.as_bytes()).into()),
        version: policy.meta.version,
        seq,
        created_at: Timestamp(policy.meta.created_at),
    }
}
