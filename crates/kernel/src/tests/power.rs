//! Power on the platform: budgets that hold, fall and rise, figures, series, and starts put off.

use super::*;
use crate::limits;
use crate::power::{self, Domain, Figures, Measure, Series, figures_of};
use crate::workload::{Deferrable, PowerClass};
use units::MilliWatt;

/// Two virtual nodes of four H100 in one rack of one row: 800 W of host and 4 × 70 W each, idle.
struct Scene {
    world: World,
    project: Id<kinds::Project>,
    site: Id<kinds::Site>,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let organisation = world.organisation("bank");
        let project = world.project(organisation, "risk");
        let site = world.site("paris", "FR");
        for name in ["n1", "n2"] {
            let Command::Node(node::Command::Register { mut facts, .. }) =
                Command::Node(register(site, name, 8))
            else {
                panic!("it registers a node")
            };
            let gpu = |at| node::Gpu {
                model: "NVIDIA H100 80GB HBM3".to_owned(),
                uuid: format!("{name}-{at}"),
                memory: Bytes(80 << 30),
            };
            facts.gpus = (0..4).map(gpu).collect();
            facts.capacity.gpus = GpuCount(4);
            facts.virtual_host = Some("here".to_owned());
            let topology = node::Topology {
                group: Some("row-1".parse().unwrap()),
                rack: Some("rack-1".parse().unwrap()),
            };
            let name = name.parse().unwrap();
            let command = node::Command::Register { site, name, facts, topology };
            world.run(Command::Node(command)).unwrap();
        }
        Self { world, project, site }
    }

    fn rack(&self) -> Domain {
        Domain::Rack(self.site, "rack-1".parse().unwrap())
    }

    fn allow(&mut self, domain: Domain, allowed_w: u64) -> Vec<Event> {
        let command = power::Command::SetBudget { domain, allowed_w };
        self.world.run(Command::Power(command)).unwrap()
    }

    fn submit(&mut self, name: &str, gpus: u32, class: PowerClass) -> Id<kinds::Workload> {
        let mut spec = job(name);
        spec.per_node.gpus = GpuCount(gpus);
        spec.terms.power_class = class;
        self.world.submit_job(self.project, spec).unwrap()
    }

    fn waits_for(&self, id: Id<kinds::Workload>) -> String {
        let waiting = crate::explain(&self.world.state, id, self.world.now()).unwrap();
        format!("{} {:?}", waiting.reason, waiting.domain.map(|domain| domain.to_string()))
    }

    fn limit(&self, id: Id<kinds::Workload>) -> Option<u64> {
        self.world.state.workloads[&id].attempt()?.power_limit.map(|limit| limit.0 / 1_000)
    }

    fn draws(&self) -> Vec<(u64, u64, u64)> {
        let draws = Planner::of(&self.world.state, self.world.now()).draws();
        let watts = |mw: MilliWatt| mw.0 / 1_000;
        draws.iter().map(|one| (watts(one.allowed), watts(one.drawn), watts(one.owed))).collect()
    }
}

#[test]
fn a_budget_keeps_work_waiting_and_says_so() {
    let mut scene = Scene::new();
    // 2,160 W idle, and 4 × 630 W for the first: 320 W are left.
    scene.allow(scene.rack(), 5_000);
    scene.allow(Domain::Site(scene.site), 90_000);
    let first = scene.submit("first", 4, PowerClass::Standard);
    let second = scene.submit("second", 1, PowerClass::Standard);
    assert_eq!(scene.world.schedule(), 1);
    assert_eq!(scene.world.phase(first), "placed");
    assert_eq!(
        scene.waits_for(second),
        "5000 W may be drawn where it would run; 4680 W are drawn, 0 W are kept for others, and it would add \
         630 W. Some(\"rack `rack-1`\")"
    );
    assert_eq!(scene.draws(), vec![(90_000, 4_680, 0), (5_000, 4_680, 0)]);
    scene.allow(scene.rack(), 5_310);
    assert_eq!(scene.world.schedule(), 1);
    assert_eq!(scene.world.phase(second), "placed");
}

#[test]
fn a_budget_that_falls_slows_then_stops_and_comes_back() {
    let mut scene = Scene::new();
    let critical = scene.submit("critical", 2, PowerClass::Critical);
    let flexible = scene.submit("flexible", 2, PowerClass::Flexible);
    assert_eq!(scene.world.schedule(), 2);
    // 2,160 W idle and 4 × 630 W. Nothing is done about a budget that is kept.
    scene.allow(scene.rack(), 4_680);
    assert_eq!(scene.world.schedule(), 0);
    // 280 W a GPU less if limited to 420 W.
    scene.allow(scene.rack(), 4_200);
    assert_eq!(scene.world.schedule(), 1);
    assert_eq!((scene.limit(flexible), scene.limit(critical)), (Some(420), None));
    assert_eq!(scene.draws(), vec![(4_200, 4_120, 560)]);
    assert_eq!(scene.world.schedule(), 0);
    // Not enough for both at their lowest limits.
    scene.allow(scene.rack(), 3_000);
    scene.world.schedule();
    assert_eq!((scene.limit(critical), scene.world.phase(flexible)), (Some(420), "stopping"));
    let stopped = scene.world.state.workloads[&flexible].attempt().unwrap();
    let reason = stopped.preemption.clone().unwrap().reason;
    assert!(reason.contains("rack `rack-1`"), "{reason}");
    assert_eq!(scene.world.schedule(), 0, "who leaves is as good as gone");
    let gone = workload::RankStatus::Exited { code: None, signal: Some(15), reason: None };
    scene.world.report(flexible, 0, gone, 1).unwrap();
    assert_eq!(scene.limit(flexible), Some(420), "it is on record with its attempt");
    // Who was slowed comes before who waits.
    scene.allow(scene.rack(), 3_420);
    scene.world.schedule();
    assert_eq!((scene.limit(critical), scene.world.phase(flexible)), (None, "queued"));
    scene.allow(scene.rack(), 9_000);
    assert_eq!(scene.world.schedule(), 1);
    assert_eq!(scene.limit(flexible), None, "a new attempt begins without a limit");
    // All of it is in the log, and the log gives the state.
    assert_eq!(scene.world.verify().findings, vec![]);
}

#[test]
fn real_gpus_are_not_reckoned_as_limited() {
    let mut scene = Scene::new();
    for id in scene.world.state.nodes.keys().copied().collect::<Vec<_>>() {
        let node = scene.world.state.nodes[&id].clone();
        let facts = node::Facts { virtual_host: None, ..node.facts };
        let (name, topology) = (node.name, node.topology);
        let command = node::Command::Register { site: scene.site, name, facts, topology };
        scene.world.run(Command::Node(command)).unwrap();
    }
    let work = scene.submit("work", 2, PowerClass::Flexible);
    scene.world.schedule();
    scene.allow(scene.rack(), 3_000);
    scene.world.schedule();
    assert_eq!((scene.limit(work), scene.world.phase(work)), (None, "stopping"));
}

#[test]
fn figures_replace_the_defaults_of_what_they_name() {
    let mut scene = Scene::new();
    let watts = |state: &State, model| figures_of(state, model).gpu_peak_w;
    let peak = |scene: &Scene, model| watts(&scene.world.state, model);
    assert_eq!(peak(&scene, Some("NVIDIA GB200")), 1_200);
    assert_eq!((peak(&scene, Some("NVIDIA L40S")), peak(&scene, Some("Brand new"))), (350, 700));
    assert_eq!(peak(&scene, None), 0);
    let figures = Figures { gpu_peak_w: 500, ..figures_of(&scene.world.state, Some("H100")) };
    let set = |figures: Figures, class: &str| {
        let class = class.parse().unwrap();
        Command::Power(power::Command::SetFigures { class, figures })
    };
    let refused = scene.world.run(set(figures.clone(), "H100"));
    assert!(matches!(refused, Err(Reject::Invalid { .. })), "its limits are above its most");
    let figures = Figures { gpu_limits_w: vec![400], ..figures };
    scene.world.run(set(figures.clone(), "H100")).unwrap();
    assert_eq!(
        scene.world.run(set(figures.clone(), "H100")).unwrap(),
        vec![],
        "it is true already"
    );
    assert_eq!(peak(&scene, Some("NVIDIA H100 80GB HBM3")), 500);
    assert!(scene.world.run(set(figures, "cpu")).is_err(), "no GPUs there");
    let id = *scene.world.state.power.figures.keys().next().unwrap();
    scene.world.run(Command::Power(power::Command::Remove { id })).unwrap();
    assert_eq!(peak(&scene, Some("NVIDIA H100 80GB HBM3")), 700);
}

#[test]
fn what_cannot_be_is_refused() {
    let mut scene = Scene::new();
    let site = scene.site;
    let nowhere = Domain::Site(Id::from_bytes([9; 16]));
    let budget =
        |domain, allowed_w| Command::Power(power::Command::SetBudget { domain, allowed_w });
    assert!(matches!(scene.world.run(budget(nowhere, 1)), Err(Reject::NotFound { .. })));
    assert!(scene.world.run(budget(Domain::Site(site), u64::MAX)).is_err());
    let series = Series {
        start: UnixMicros(0),
        step_s: 3_600,
        values: vec![1; limits::SERIES_VALUES_MAX],
        source: "example".to_owned(),
    };
    let mut import = |series: Series| {
        let measure = Measure::Carbon;
        scene.world.run(Command::Power(power::Command::SetSeries { site, measure, series }))
    };
    import(Series { values: vec![-9_999_999; limits::SERIES_VALUES_MAX], ..series.clone() })
        .unwrap();
    assert_eq!(import(series.clone()).unwrap().len(), 1);
    assert_eq!(import(series.clone()).unwrap(), vec![]);
    for wrong in [
        Series { values: vec![], ..series.clone() },
        Series { values: vec![1; limits::SERIES_VALUES_MAX + 1], ..series.clone() },
        Series { values: vec![10_000_000], ..series.clone() },
        Series { step_s: 59, ..series.clone() },
        Series { start: UnixMicros(1), ..series.clone() },
        Series { source: String::new(), ..series },
    ] {
        assert!(matches!(import(wrong), Err(Reject::Invalid { .. })));
    }
}

#[test]
fn deferrable_work_waits_for_its_hour_and_no_longer() {
    let mut scene = Scene::new();
    let now_s = scene.world.now().secs();
    let series = Series {
        start: UnixMicros(now_s / 60 * 60 * 1_000_000),
        step_s: 60,
        values: vec![300_000, 300_000, 300_000, 60_000, 300_000, 300_000],
        source: "example".to_owned(),
    };
    let deferrable = Deferrable {
        start_by: None,
        end_by: Some(scene.world.now().plus(DurationMicros::from_secs(330))),
        by: Measure::Carbon,
    };
    let mut spec = job("night");
    spec.time_limit = Some(DurationMicros::from_secs(60));
    spec.terms.deferrable = Some(deferrable);
    // Without a series nothing is put off.
    let at_once = scene.world.submit_job(scene.project, spec.clone()).unwrap();
    assert_eq!(scene.world.schedule(), 1);
    assert_eq!(scene.world.phase(at_once), "placed");
    let site = scene.site;
    let set = power::Command::SetSeries { site, measure: Measure::Carbon, series };
    scene.world.run(Command::Power(set)).unwrap();
    let night = scene.world.submit_job(scene.project, spec).unwrap();
    assert_eq!(scene.world.schedule(), 0);
    let reason = scene.waits_for(night);
    assert!(reason.contains("60000 mg of CO2e for each kWh then"), "{reason}");
    assert!(reason.contains("saves 80.0 %"), "{reason}");
    scene.world.now += 240_000_000;
    assert_eq!(scene.world.schedule(), 1);
    // Not put off any longer once the series is gone.
    let remove = power::Command::RemoveSeries { site, measure: Measure::Carbon };
    scene.world.run(Command::Power(remove)).unwrap();
    assert_eq!(scene.world.verify().findings, vec![]);
}
