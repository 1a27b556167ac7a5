//! Evidence for criteria: record, list, get, withdraw. Recording is for whoever administers the whole
//! platform; reading is for every reader, who is to trust it.

use std::{collections::BTreeSet, sync::Arc};

use api::{
    endpoint::Endpoint,
    nouns::{
        common::Page,
        evidence::{
            Evidence, EvidenceGet, EvidenceKind, EvidenceList, EvidenceNew, EvidenceRecord,
            EvidenceState, EvidenceWithdraw,
        },
    },
    problem::Code,
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    evidence::{self, Claim, Kind},
    standing,
};
use policy::{
    ownership::EntityId,
    score::{self, PieceState},
};
use units::{Id, UnixMicros, kinds};

use super::{entities, report::frameworks};
use crate::http::{
    access,
    blobs::blocking_fail,
    fail::Fail,
    mount::{Call, as_of},
    page, unexpected,
};

/// `POST /api/v1/evidence`
pub(crate) async fn record(call: Call<EvidenceRecord>) -> Result<Evidence, Fail> {
    require_platform(&call)?;
    let new = &call.body;
    takes_evidence(new)?;
    let issuer = call.read(|state| entities::find(state, &new.issuer))?;
    let claim = Claim {
        criterion: new.criterion.clone(),
        kind: kind_of(new.kind),
        issuer,
        valid_until: new.valid_until.map(|at| at.0),
        document: new.document,
    };
    let command = Command::Evidence(evidence::Command::Record { claim: claim.clone() });
    let accepted = call.submit(command).await?;
    let id = match accepted.subject {
        Some(Subject::Evidence(id)) => Some(id),
        // The same is on record already.
        _ => call.read(|state| {
            let same = |one: &&evidence::Evidence| one.claim == claim && one.withdrawn_at.is_none();
            state.evidence.values().find(same).map(|one| one.id)
        }),
    };
    show(&call, id.ok_or_else(unexpected)?, Some(accepted.seq)).await
}

/// `POST /api/v1/evidence/{id}/withdraw`
pub(crate) async fn withdraw(call: Call<EvidenceWithdraw>) -> Result<Evidence, Fail> {
    require_platform(&call)?;
    let id = call.path.id;
    let command = Command::Evidence(evidence::Command::Withdraw { id });
    let accepted = call.submit(command).await?;
    show(&call, id, Some(accepted.seq)).await
}

/// `GET /api/v1/evidence`
pub(crate) async fn list(call: Call<EvidenceList>) -> Result<Page<Evidence>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Evidence>>::of(query.limit, query.page_token.as_deref())?;
    let now = call.platform().now();
    let mut page = call.read(|state| {
        let own = standing::own(state);
        let is_wanted = |one: &evidence::Evidence| {
            query.criterion.as_ref().is_none_or(|wanted| {
                let rest = one.claim.criterion.strip_prefix(wanted.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let all = state.evidence.range(page::after(&wanted)).filter(|(_, one)| is_wanted(one));
        let items = all.filter_map(|(id, one)| {
            let context = Context { state, own: &own, now, seq: as_of(state) };
            Some((*id, context.dto(one)?))
        });
        page::cut(items, wanted.limit, as_of(state))
    });
    fill(&call, page.as_of, &mut page.items).await?;
    Ok(page)
}

/// `GET /api/v1/evidence/{id}`
pub(crate) async fn get(call: Call<EvidenceGet>) -> Result<Evidence, Fail> {
    show(&call, call.path.id, None).await
}

/// Evidence is about the whole platform, so nobody below it records any.
fn require_platform<E: Endpoint>(call: &Call<E>) -> Result<(), Fail> {
    let missing = || Fail::not_found("platform", "here");
    call.read(|state| {
        access::require(state, &call.caller, Role::Administrator, Scope::Platform, missing)
    })
}

/// A criterion that there is, and that is shown by evidence.
fn takes_evidence(new: &EvidenceNew) -> Result<(), Fail> {
    let id = &new.criterion;
    let refused =
        |detail: String, remedy: &str| Err(Fail::new(Code::InvalidField, detail).remedy(remedy));
    let Some((_, _, criterion)) = score::find(frameworks()?, id) else {
        let detail = format!("`criterion` is `{id}`: there is none of this id");
        return refused(detail, "choose one of `cocarde audit criteria`");
    };
    if let Some(check) = criterion.computed {
        let detail = format!(
            "`criterion` is `{id}`: the platform computes it (`{}`), evidence would not count",
            check.as_str()
        );
        return refused(detail, "see what `cocarde audit report` says of it");
    }
    if kind_of(new.kind) < criterion.needs {
        let detail = format!(
            "`kind` is `{}`: `{id}` needs `{}`, so it would not count",
            kind_of(new.kind).as_str(),
            criterion.needs.as_str()
        );
        return refused(detail, "record evidence of the kind that it needs");
    }
    Ok(())
}

async fn show<E: Endpoint>(
    call: &Call<E>,
    id: Id<kinds::Evidence>,
    seq: Option<u64>,
) -> Result<Evidence, Fail> {
    let now = call.platform().now();
    let (found, size) = call.read(|state| {
        let own = standing::own(state);
        let seq = seq.unwrap_or_else(|| as_of(state));
        let found = state.evidence.get(&id);
        let found = found.and_then(|one| Context { state, own: &own, now, seq }.dto(one));
        (found, as_of(state))
    });
    let mut found = [found.ok_or_else(|| Fail::not_found("evidence", id))?];
    fill(call, size, &mut found).await?;
    let [found] = found;
    Ok(found)
}

/// Says where in the log each was recorded.
pub(super) async fn fill<E: Endpoint>(
    call: &Call<E>,
    size: u64,
    items: &mut [Evidence],
) -> Result<(), Fail> {
    let subjects: Vec<String> = items.iter().map(|one| one.id.to_string()).collect();
    let app = Arc::clone(&call.app);
    let spans = blocking_fail(move || Ok(app.platform.positions(size, &subjects)?)).await?;
    for one in items {
        let (first, _) = spans.get(&one.id.to_string()).ok_or_else(unexpected)?;
        // Entries count from 1 outside.
        one.recorded_seq = first.saturating_add(1);
    }
    Ok(())
}

/// What a piece of evidence is seen against.
pub(super) struct Context<'a> {
    pub(super) state: &'a State,
    pub(super) own: &'a BTreeSet<EntityId>,
    pub(super) now: UnixMicros,
    pub(super) seq: u64,
}

impl Context<'_> {
    /// Without the position of its entry.
    pub(super) fn dto(&self, one: &evidence::Evidence) -> Option<Evidence> {
        let claim = &one.claim;
        let is_own = self.own.contains(&claim.issuer);
        Some(Evidence {
            id: one.id,
            criterion: claim.criterion.clone(),
            kind: kind_dto(claim.kind),
            counts_as: kind_dto(claim.kind.counts_as(is_own)),
            state: match one.state_at(self.now) {
                PieceState::Valid => EvidenceState::Valid,
                PieceState::Expired => EvidenceState::Expired,
                PieceState::Withdrawn => EvidenceState::Withdrawn,
            },
            issuer: claim.issuer,
            issuer_name: self.state.entities.get(&claim.issuer)?.name.clone(),
            document: claim.document,
            valid_until: claim.valid_until.map(Timestamp),
            withdrawn_at: one.withdrawn_at.map(Timestamp),
            recorded_seq: 0,
            version: one.meta.version,
            seq: self.seq,
            created_at: Timestamp(one.meta.created_at),
        })
    }
}

const fn kind_of(kind: EvidenceKind) -> Kind {
    match kind {
        EvidenceKind::Declared => Kind::Declared,
        EvidenceKind::Measured => Kind::Measured,
        EvidenceKind::Certificate => Kind::Certificate,
    }
}

/// The kind as the API says it.
pub(super) const fn kind_dto(kind: Kind) -> EvidenceKind {
    match kind {
        Kind::Declared => EvidenceKind::Declared,
        Kind::Measured => EvidenceKind::Measured,
        Kind::Certificate => EvidenceKind::Certificate,
    }
}
