//! Consents: grant, list, get, revoke; and the record of each request that one made possible.

use api::{
    nouns::{
        common::Page,
        consent::{Consent, ConsentCreate, ConsentGet, ConsentLevel, ConsentList, ConsentRevoke},
    },
    text::Timestamp,
};
use http::{Method, Uri};
use kernel::{Command, State, Subject, Submission, access::Role, consent};
use units::{DurationMicros, Id, kinds};

use super::{
    App, access, bindings,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page, resolve, unexpected,
};

/// `POST /api/v1/consents`
pub(crate) async fn create(call: Call<ConsentCreate>) -> Result<Consent, Fail> {
    let new = &call.body;
    let scope = call.read(|state| {
        resolve::policy_scope(state, &call.caller, Role::Administrator, &new.scope)
    })?;
    let lifetime = DurationMicros::from_secs(new.expires_in_seconds);
    let command = consent::Command::Grant {
        scope,
        users: new.users.iter().copied().collect(),
        level: match new.level {
            ConsentLevel::Read => consent::Level::Read,
            ConsentLevel::Administer => consent::Level::Administer,
        },
        until: call.platform().now().plus(lifetime),
    };
    let accepted = call.submit(Command::Consent(command)).await?;
    let Some(Subject::Consent(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.consents.get(&id).map(|one| dto(one, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/consents`
pub(crate) async fn list(call: Call<ConsentList>) -> Result<Page<Consent>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Consent>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let visible = |one: &consent::Consent| {
            access::allows(state, &call.caller, Role::Administrator, one.scope)
        };
        let all = state.consents.range(page::after(&wanted)).filter(|(_, one)| visible(one));
        let items = all.map(|(id, one)| (*id, dto(one, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/consents/{id}`
pub(crate) async fn get(call: Call<ConsentGet>) -> Result<Consent, Fail> {
    call.read(|state| {
        let found = find(state, &call.caller, call.path.id)?;
        Ok(dto(found, as_of(state)))
    })
}

/// `DELETE /api/v1/consents/{id}`
pub(crate) async fn revoke(call: Call<ConsentRevoke>) -> Result<Consent, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, id).map(|_| ()))?;
    let accepted = call.submit(Command::Consent(consent::Command::Revoke { id })).await?;
    call.read(|s| s.consents.get(&id).map(|one| dto(one, accepted.seq))).ok_or_else(unexpected)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    id: Id<kinds::Consent>,
) -> Result<&'a consent::Consent, Fail> {
    let found = state.consents.get(&id).map(|one| (one, one.scope));
    access::find(state, caller, Role::Administrator, found, ("consent", &id))
}

fn dto(one: &consent::Consent, seq: u64) -> Consent {
    Consent {
        id: one.id,
        scope: bindings::scope_dto(one.scope),
        users: one.users.iter().copied().collect(),
        level: match one.level {
            consent::Level::Read => ConsentLevel::Read,
            consent::Level::Administer => ConsentLevel::Administer,
        },
        until: Timestamp(one.until),
        granted_by: one.granted_by.to_string(),
        revoked_at: one.revoked_at.map(Timestamp),
        n_used: one.n_used,
        version: one.meta.version,
        seq,
        created_at: Timestamp(one.meta.created_at),
    }
}

/// What a request asked, as the record of a visit has it: enough to ask it again, and of a query no more
/// than the log may hold. An address that somebody was looked for by is personal data.
fn asked(method: &Method, uri: &Uri) -> String {
    let kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        // A name that is written in another way than ours hides something.
        name != "email" && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let pairs: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
    let known: Vec<&str> = pairs.iter().copied().filter(kept).collect();
    let left_out = if known.len() < pairs.len() { "&…" } else { "" };
    let path = uri.path();
    match known.join("&") {
        query if query.is_empty() && left_out.is_empty() => format!("{method} {path}"),
        query => format!("{method} {path}?{query}{left_out}"),
    }
}

/// Records that consents made an answer possible. Nothing is answered before that is durable, and
/// nothing at all if a consent ended meanwhile.
///
/// # Errors
/// The refusal, instead of the answer.
pub(crate) async fn record(
    app: &App,
    caller: &Caller,
    operation: &str,
    (method, uri): (&Method, &Uri),
) -> Result<(), Fail> {
    for id in caller.consents_used() {
        let (operation, request) = (operation.to_owned(), asked(method, uri));
        let command = consent::Command::Use { id, operation, request };
        let submission = Submission::new(Command::Consent(command));
        app.platform.submit(caller.actor()?, submission).await.map_err(Fail::from)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_visit_has_no_address_in_it() {
        let check = |uri: &str, expected: &str| {
            let (parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
            assert_eq!(asked(&parts.method, &parts.uri), format!("GET {expected}"), "{uri}");
        };
        check("/a/b", "/a/b");
        check("/a?limit=5&project=x/y", "/a?limit=5&project=x/y");
        check("/a?organisation=o&email=ada@example.org", "/a?organisation=o&…");
        check("/a?%65mail=ada@example.org", "/a?&…");
    }
}
