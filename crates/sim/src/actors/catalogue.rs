//! Plausible parts of commands: specifications, sites, machines. Mostly valid, sometimes not, so
//! that refusals are exercised too. Everything here is invented and labelled as simulated.

use std::collections::BTreeMap;

use kernel::{
    State,
    model::Artefact,
    node::{Capacity, Facts, Gpu, Topology},
    power::Measure,
    site,
    workload::{
        Array, Condition, Deferrable, Dependency, Input, Kind, Outputs, PowerClass, RetryOn, Spec,
        Terms,
    },
};
use units::{
    Bytes, Country, DataClass, Digest, DurationMicros, GpuCount, Id, MicroEuro, MilliCpu, Name,
    UnixMicros,
};

use crate::rng::Rng;

/// Countries in which simulated sites stand.
const COUNTRIES: [&str; 3] = ["FR", "DE", "SE"];
/// Models of simulated GPUs; one name is part of the other on purpose.
const GPU_MODELS: [&str; 2] = ["NVIDIA H200", "NVIDIA GB200"];
/// What a job may ask for; the last is built nowhere. A wish that fits two models at once is left
/// out: the scheduler knows one class per job and takes the first, so such a job may wait in vain.
const GPU_WISHES: [&str; 4] = ["H200", "GB200", "B200", "TPU"];
const GIB: u64 = 1 << 30;

/// A name such as `p3` from a small pool, so that collisions happen.
pub(crate) fn name(rng: &mut Rng, prefix: &str, pool: u64) -> Result<Name, String> {
    let text = format!("{prefix}{}", rng.below(pool));
    text.parse().map_err(|error: units::ParseNameError| error.to_string())
}

/// A random key of a map.
pub(crate) fn any<K: Copy, V>(rng: &mut Rng, map: &BTreeMap<K, V>) -> Option<K> {
    any_of(rng, map.len(), map.keys().copied())
}

/// One of the workloads.
pub(crate) fn any_workload(rng: &mut Rng, state: &State) -> Option<Id<units::kinds::Workload>> {
    any_of(rng, state.workloads.len(), state.workloads.keys().copied())
}

fn any_of<K>(rng: &mut Rng, count: usize, mut keys: impl Iterator<Item = K>) -> Option<K> {
    let position = rng.below(u64::try_from(count).unwrap_or(0));
    keys.nth(usize::try_from(position).unwrap_or(usize::MAX))
}

/// An id that names nothing.
pub(crate) const fn nobody<K: units::IdKind>() -> Id<K> {
    Id::from_bytes([0xee; 16])
}

/// Within the next ten minutes, now included: some of it is over at once.
pub(crate) fn soon(rng: &mut Rng, now: UnixMicros) -> UnixMicros {
    now.plus(DurationMicros::from_secs(rng.below(600)))
}

/// One of the countries.
pub(crate) fn country(rng: &mut Rng) -> Result<Country, String> {
    let text = rng.pick(&COUNTRIES).copied().unwrap_or("FR");
    text.parse().map_err(|error: units::ParsePlaceError| error.to_string())
}

/// One of the classes, seldom restricted.
pub(crate) fn class(rng: &mut Rng) -> DataClass {
    match rng.below(10) {
        0..=2 => DataClass::Public,
        3..=6 => DataClass::Internal,
        7..=8 => DataClass::Confidential,
        _ => DataClass::Restricted,
    }
}

/// A site's declaration.
pub(crate) fn site_config(rng: &mut Rng) -> Result<site::Config, String> {
    Ok(site::Config {
        country: country(rng)?,
        operator: "Simulated SA".to_owned(),
        operator_country: country(rng)?,
        certifications: Vec::new(),
        pue_milli: rng.between_u32(980, 1_500),
        carbon_g_per_kwh: rng.between_u32(10, 400),
        carbon_source: "simulated".to_owned(),
        power_cap_w: None,
        operator_entity: None,
        owner_entity: None,
    })
}

/// What a machine says of itself.
pub(crate) fn facts(rng: &mut Rng, hostname: &str) -> Facts {
    let gpus = if rng.chance(50) { 0 } else { rng.between_u32(1, 4) };
    let model = rng.pick(&GPU_MODELS).copied().unwrap_or_default();
    let gpu = |number: u32| Gpu {
        model: model.to_owned(),
        uuid: format!("GPU-simulated-{hostname}-{number}"),
        memory: Bytes(141 * GIB),
    };
    Facts {
        hostname: hostname.to_owned(),
        system: "Linux (simulated)".to_owned(),
        cpu_model: "simulated".to_owned(),
        capacity: Capacity {
            cpu: MilliCpu(rng.between(2, 16).saturating_mul(1_000)),
            memory: Bytes(rng.between(4, 64).saturating_mul(GIB)),
            gpus: GpuCount(gpus),
        },
        gpus: (0..gpus).map(gpu).collect(),
        limits: "simulated".to_owned(),
        sandbox: "simulated".to_owned(),
        power: "simulated".to_owned(),
        // Limits are reckoned with only where no GPU is real.
        virtual_host: GPU_MODELS
            .first()
            .filter(|first| **first == model)
            .map(|_| "host".to_owned()),
    }
}

/// Where a machine says it stands: mostly nowhere, sometimes in a rack that another group has.
pub(crate) fn topology(rng: &mut Rng) -> Result<Topology, String> {
    let rack = if rng.chance(50) { Some(name(rng, "rack", 3)?) } else { None };
    let group = if rng.chance(30) { Some(name(rng, "group", 2)?) } else { None };
    Ok(Topology { group, rack })
}

/// A version of a dataset or model with its manifest.
pub(crate) fn artefact(rng: &mut Rng, state: &State) -> Option<(Artefact, Digest)> {
    if rng.chance(50) {
        let id = any(rng, &state.datasets)?;
        let version = rng.pick(&state.datasets.get(&id)?.versions)?;
        Some((Artefact::Dataset { id, version: version.number }, version.manifest))
    } else {
        let id = any(rng, &state.models)?;
        let version = rng.pick(&state.models.get(&id)?.versions)?;
        Some((Artefact::Model { id, version: version.number }, version.manifest))
    }
}

fn kind(rng: &mut Rng) -> Kind {
    match rng.below(20) {
        0..=2 => Kind::Train,
        3..=12 => Kind::Batch,
        13..=14 => Kind::Eval,
        15..=16 => Kind::Finetune,
        17 => Kind::Dev,
        _ => Kind::Service,
    }
}

/// A specification; one in twenty is refused for its size.
pub(crate) fn spec(rng: &mut Rng, state: &State) -> Result<Spec, String> {
    let nodes_min = if rng.chance(75) { 1 } else { rng.between_u32(2, 3) };
    let gpus = if rng.chance(70) { 0 } else { rng.between_u32(1, 2) };
    let mut spec = Spec {
        name: name(rng, "job", 1_000)?,
        kind: kind(rng),
        script: "true".to_owned(),
        image: rng.chance(20).then(|| "registry.example/simulated:1".to_owned()),
        environment: BTreeMap::new(),
        nodes_min,
        nodes_max: nodes_min.saturating_add(rng.between_u32(0, 2)),
        per_node: Capacity {
            cpu: MilliCpu(rng.between(1, 8).saturating_mul(500)),
            memory: Bytes(rng.between(1, 8).saturating_mul(GIB)),
            gpus: GpuCount(gpus),
        },
        gpu_model: None,
        inputs: Vec::new(),
        stop_signal: "TERM".to_owned(),
        grace: DurationMicros::from_secs(rng.between(1, 30)),
        time_limit: rng.chance(20).then(|| DurationMicros::from_secs(60)),
        budget: rng.chance(15).then_some(MicroEuro(20_000)),
        retries_max: rng.between_u32(0, 3),
        retry_on: RetryOn {
            failure: rng.chance(60),
            node_failure: rng.chance(50),
            preempted: rng.chance(80),
        },
        residency_countries: None,
        class: class(rng),
        outputs: Outputs::default(),
        priority: i32::try_from(rng.below(3)).unwrap_or(0),
        terms: terms(rng, state),
    };
    // A wish for a model of GPU may come without a wish for GPUs.
    if rng.chance(if gpus > 0 { 50 } else { 8 }) {
        spec.gpu_model = rng.pick(&GPU_WISHES).map(|wish| (*wish).to_owned());
    }
    if gpus == 1 && rng.chance(60) {
        part(rng, &mut spec);
    }
    if rng.chance(15) {
        spec.residency_countries = Some(vec![country(rng)?]);
    }
    decorate(rng, state, &mut spec);
    Ok(spec)
}

/// A part of the one GPU: mostly a share, else an instance that an H200 has and a GB200 has not.
fn part(rng: &mut Rng, spec: &mut Spec) {
    if rng.chance(70) {
        spec.terms.gpu_milli = rng.pick(&[100, 250, 500, 700]).copied().unwrap_or(500);
    } else {
        let profile = rng.pick(&["1g.18gb", "1g.18gb+me", "2g.35gb", "3g.71gb"]);
        spec.terms.gpu_profile = profile.map(|name| (*name).to_owned());
    }
}

/// Terms: what the bridge to the scheduler honours, so that every plan is accepted as it stands.
fn terms(rng: &mut Rng, state: &State) -> Terms {
    let mut terms = Terms::default();
    if rng.chance(10) {
        terms.guaranteed = DurationMicros::from_secs(rng.between(1, 60));
    }
    terms.preemptible = rng.chance(10).then(|| rng.chance(50));
    if rng.chance(12)
        && let Some(workload) = any_workload(rng, state)
    {
        let on = if rng.chance(60) { Condition::Success } else { Condition::Any };
        terms.after.push(Dependency { workload, on });
    }
    if rng.chance(10) {
        let (start_by, by) =
            (state.last_at.plus(DurationMicros::from_secs(rng.below(600))), Measure::Carbon);
        terms.deferrable = Some(Deferrable { start_by: Some(start_by), end_by: None, by });
    }
    if rng.chance(20) {
        let classes = [PowerClass::Flexible, PowerClass::Critical];
        terms.power_class = rng.pick(&classes).copied().unwrap_or_default();
    }
    if rng.chance(6) {
        terms.array = Some(Array {
            first: rng.between_u32(0, 2),
            last: rng.between_u32(1, 5),
            step: rng.between_u32(1, 2),
            running_max: rng.chance(50).then(|| rng.between_u32(0, 2)),
        });
    }
    terms
}

/// Adds inputs, outputs and, seldom, something too large.
fn decorate(rng: &mut Rng, state: &State, spec: &mut Spec) {
    if rng.chance(30)
        && let Some((artefact, manifest)) = artefact(rng, state)
    {
        let manifest = if rng.chance(5) { rng.digest() } else { manifest };
        spec.inputs.push(Input { mount: "/data".to_owned(), artefact, manifest });
        if spec.kind == Kind::Eval && matches!(artefact, Artefact::Model { .. }) {
            spec.outputs.evaluates = Some(artefact);
        }
    }
    if matches!(spec.kind, Kind::Train | Kind::Finetune) && rng.chance(60) {
        spec.outputs.model = any(rng, &state.models);
    }
    match rng.below(40) {
        0 => spec.script = "x".repeat(20_000),
        1 => {
            let value = || "v".repeat(4_000);
            spec.environment = (0..20).map(|n| (format!("V{n}"), value())).collect();
        }
        2 => spec.nodes_max = 0,
        _ => {}
    }
}
