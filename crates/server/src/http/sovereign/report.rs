//! Criteria and the report of how far they are met. Every reader sees both; a test shows that nothing
//! of a tenant is in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use api::{
    nouns::sovereignty::{
        CheckResult, Criteria, CriteriaFramework, CriteriaPart, Criterion, CriterionResult,
        CriterionStanding, FrameworkResult, PartResult, PartStanding, ScoreScale,
        SovereigntyCriteriaGet, SovereigntyReport, SovereigntyReportGet,
    },
    text::Timestamp,
};
use kernel::standing;
use policy::score::{self, Check, Framework, Judged, Rated, RatedPart, Scale, Standing, Vendors};

use units::UnixMicros;

use super::evidence::{Context, fill, kind_dto};
use crate::{
    http::{
        blobs::blocking_fail,
        fail::Fail,
        mount::{Call, as_of},
        unexpected,
    },
    platform::positions::Span,
};

/// Entries that one criterion points to.
const ENTRIES_MAX: usize = 50;

/// The criteria of this version, read once.
///
/// # Errors
/// A fault of this software.
pub(super) fn frameworks() -> Result<&'static [Framework], Fail> {
    static ALL: OnceLock<Vec<Framework>> = OnceLock::new();
    if let Some(all) = ALL.get() {
        return Ok(all);
    }
    let all = score::frameworks()
        .map_err(|error| Fail::internal("the criteria cannot be read", &error))?;
    Ok(ALL.get_or_init(|| all))
}

fn vendors() -> Result<&'static Vendors, Fail> {
    static ALL: OnceLock<Vendors> = OnceLock::new();
    if let Some(all) = ALL.get() {
        return Ok(all);
    }
    let all =
        score::vendors().map_err(|error| Fail::internal("the vendors cannot be read", &error))?;
    Ok(ALL.get_or_init(|| all))
}

/// `GET /api/v1/sovereignty/criteria`
pub(crate) async fn criteria(call: Call<SovereigntyCriteriaGet>) -> Result<Criteria, Fail> {
    // Whoever came this far may read: the criteria are the same for all.
    drop(call);
    Ok(Criteria { frameworks: frameworks()?.iter().map(framework_dto).collect() })
}

/// `GET /api/v1/sovereignty/report`
pub(crate) async fn report(call: Call<SovereigntyReportGet>) -> Result<SovereigntyReport, Fail> {
    let (frameworks, vendors) = (frameworks()?, vendors()?);
    // Whole seconds: nothing that evidence says is finer, and the same report has the same length.
    let micros = call.platform().now().0;
    let now = UnixMicros(micros.saturating_sub(micros.rem_euclid(1_000_000)));
    let surroundings = call.platform().surroundings();
    let (facts, mut evidence, size) = call.read(|state| {
        let facts = standing::facts(state, now, &surroundings, vendors);
        let context = Context { state, own: &facts.own, now, seq: as_of(state) };
        let evidence: Vec<_> = state.evidence.values().filter_map(|one| context.dto(one)).collect();
        (facts, evidence, as_of(state))
    });
    fill(&call, size, &mut evidence).await?;
    let rated: Vec<Rated<'static>> =
        frameworks.iter().map(|framework| score::rate(framework, &facts)).collect();
    let spans = spans(&call, size, &rated).await?;
    let log = call.platform().log();
    let root = log.root_at(size).ok_or_else(unexpected)?;
    let check = |(check, finding): (&Check, &score::Finding)| CheckResult {
        check: check.as_str().to_owned(),
        met: finding.met,
        because: finding.because.clone(),
    };
    Ok(SovereigntyReport {
        computed_at: Timestamp(now),
        software: format!("cocarde {}", env!("CARGO_PKG_VERSION")),
        origin: log.verifier().name().to_owned(),
        as_of: size,
        root: root.to_string(),
        final_size: surroundings.final_size,
        frameworks: rated.iter().map(|rated| result(rated, &spans)).collect(),
        checks: facts.checks.iter().map(check).collect(),
        evidence,
        own_entities: facts.own.iter().copied().collect(),
    })
}

/// Where in the log all of this is.
async fn spans(
    call: &Call<SovereigntyReportGet>,
    size: u64,
    rated: &[Rated<'_>],
) -> Result<BTreeMap<String, Span>, Fail> {
    let judged = rated.iter().flat_map(|one| &one.parts).flat_map(|part| &part.criteria);
    let subjects: BTreeSet<String> = judged
        .flat_map(|one| {
            let evidence = one.evidence.iter().map(ToString::to_string);
            evidence.chain(one.subjects.iter().cloned())
        })
        .collect();
    let subjects: Vec<String> = subjects.into_iter().collect();
    let app = Arc::clone(&call.app);
    blocking_fail(move || Ok(app.platform.positions(size, &subjects)?)).await
}

fn result(rated: &Rated<'_>, spans: &BTreeMap<String, Span>) -> FrameworkResult {
    let framework = rated.framework;
    let (met, partly, not_met) = rated.counts();
    FrameworkResult {
        id: framework.id.clone(),
        version: framework.version.clone(),
        title: framework.title.clone(),
        source: framework.source.clone(),
        reading: framework.reading.clone(),
        scale: scale(framework.scale),
        level: rated.level,
        score_bp: rated.score_bp,
        reachable_level: rated.reachable_level,
        reachable_score_bp: rated.reachable_score_bp,
        n_met: number(met),
        n_partly: number(partly),
        n_not_met: number(not_met),
        kept_down_by: rated.kept_down().iter().map(|(_, one)| one.criterion.id.clone()).collect(),
        parts: rated.parts.iter().map(|part| part_result(part, spans)).collect(),
    }
}

fn part_result(rated: &RatedPart<'_>, spans: &BTreeMap<String, Span>) -> PartResult {
    PartResult {
        id: rated.part.id.clone(),
        title: rated.part.title.clone(),
        weight_percent: rated.part.weight,
        level: rated.level,
        reachable_level: rated.reachable_level,
        points: rated.points,
        points_max: rated.points_max,
        standing: match rated.standing {
            score::PartStanding::Met => PartStanding::Met,
            score::PartStanding::Partly => PartStanding::Partly,
            score::PartStanding::NotMet => PartStanding::NotMet,
        },
        criteria: rated.criteria.iter().map(|one| criterion_result(one, spans)).collect(),
    }
}

fn criterion_result(one: &Judged<'_>, spans: &BTreeMap<String, Span>) -> CriterionResult {
    let ids = one.evidence.iter().map(ToString::to_string).chain(one.subjects.iter().cloned());
    // Entries count from 1 outside.
    let entries: BTreeSet<u64> =
        ids.filter_map(|id| spans.get(&id).map(|(_, last)| last.saturating_add(1))).collect();
    let criterion = one.criterion;
    CriterionResult {
        id: criterion.id.clone(),
        level: criterion.level,
        points: criterion.points,
        says: criterion.says.clone(),
        computed: criterion.computed.map(|check| check.as_str().to_owned()),
        needs: criterion.computed.is_none().then(|| kind_dto(criterion.needs)),
        standing: match one.standing {
            Standing::Met => CriterionStanding::Met,
            Standing::NotSo => CriterionStanding::NotSo,
            Standing::NotShown => CriterionStanding::NotShown,
            Standing::Lapsed => CriterionStanding::Lapsed,
            Standing::TooWeak => CriterionStanding::TooWeak,
            Standing::Refuted => CriterionStanding::Refuted,
        },
        because: one.because.clone(),
        things: one.things.clone(),
        evidence: one.evidence.clone(),
        entries: entries.into_iter().take(ENTRIES_MAX).collect(),
    }
}

fn framework_dto(framework: &Framework) -> CriteriaFramework {
    let criterion = |one: &score::Criterion| Criterion {
        id: one.id.clone(),
        level: one.level,
        points: one.points,
        says: one.says.clone(),
        computed: one.computed.map(|check| check.as_str().to_owned()),
        needs: one.computed.is_none().then(|| kind_dto(one.needs)),
        broken_by: one.broken_by.iter().map(|check| check.as_str().to_owned()).collect(),
    };
    let part = |one: &score::Part| CriteriaPart {
        id: one.id.clone(),
        title: one.title.clone(),
        weight_percent: one.weight,
        criteria: one.criteria.iter().map(criterion).collect(),
    };
    CriteriaFramework {
        id: framework.id.clone(),
        version: framework.version.clone(),
        title: framework.title.clone(),
        source: framework.source.clone(),
        reading: framework.reading.clone(),
        scale: scale(framework.scale),
        parts: framework.parts.iter().map(part).collect(),
    }
}

const fn scale(scale: Scale) -> ScoreScale {
    match scale {
        Scale::Seal => ScoreScale::Seal,
        Scale::Levels => ScoreScale::Levels,
        Scale::Checklist => ScoreScale::Checklist,
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
