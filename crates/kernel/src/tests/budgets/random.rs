//! Random use over owners and measures: budgets count what the log says, alert once for each crossing,
//! stop their owner's work alone, and are overrun by no more than what was in flight.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Open { owner: usize, measure: usize, limit: u8, monthly: bool, stops: bool },
    Change { which: usize, limit: u8, stops: bool },
    Submit { who: usize, project: usize, gpus: u32 },
    Schedule,
    Use { which: usize, amount: u8, ends: bool },
    Call { tokens: u8 },
    Wait { days: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let open = (0..6_usize, 0..4_usize, 1..40_u8, any::<bool>(), prop::bool::weighted(0.8));
    let open = open.prop_map(|(owner, measure, limit, monthly, stops)| Step::Open {
        owner,
        measure,
        limit,
        monthly,
        stops,
    });
    let change = (any::<usize>(), 1..80_u8, prop::bool::weighted(0.8));
    let change = change.prop_map(|(which, limit, stops)| Step::Change { which, limit, stops });
    let submit = (0..4_usize, 0..3_usize, 0..2_u32);
    let submit = submit.prop_map(|(who, project, gpus)| Step::Submit { who, project, gpus });
    let used = (any::<usize>(), 1..20_u8, prop::bool::weighted(0.1));
    let used = used.prop_map(|(which, amount, ends)| Step::Use { which, amount, ends });
    let step = prop_oneof![
        2 => open,
        1 => change,
        4 => submit,
        3 => Just(Step::Schedule),
        8 => used,
        3 => (1..20_u8).prop_map(|tokens| Step::Call { tokens }),
        1 => (1..20_u8).prop_map(|days| Step::Wait { days }),
    ];
    prop::collection::vec(step, 10..60)
}

/// What the test knows beside the state.
struct Run {
    scene: Scene,
    /// What was in flight when a budget was used up.
    in_flight: BTreeMap<Id<kinds::Budget>, BTreeSet<Id<kinds::Workload>>>,
}

/// One in a base unit that a few steps use up: 0.1 EUR, 6 minutes, 100 Wh, 100 tokens.
fn amount(measure: usize, n: u8) -> Allowance {
    let base = [100_000, GPU_HOUR / 10, GPU_HOUR / 10, 100][measure];
    Measure::ALL[measure].amount(base * i64::from(n))
}

impl Run {
    fn step(&mut self, step: &Step) {
        let before = self.scene.world.state.clone();
        let (events, used_by) = self.act(step);
        self.check_alerts(&before, &events);
        self.check_stops(&before, &events);
        self.check_overrun(&before, used_by);
    }

    /// Does a step; answers its events and the workload that used something.
    fn act(&mut self, step: &Step) -> (Vec<Event>, Option<Id<kinds::Workload>>) {
        let scene = &mut self.scene;
        match step {
            Step::Open { owner, measure, limit, monthly, stops } => {
                let owner = [
                    Owner::Organisation(scene.bank),
                    Owner::Project(scene.risk),
                    Owner::Project(scene.retail),
                    Owner::User(scene.ada),
                    Owner::User(scene.bob),
                    Owner::Key(scene.key),
                ][*owner];
                scene
                    .open(owner, "1 EUR", |new| {
                        new.terms.limit = amount(*measure, *limit);
                        new.terms.hard_stop = *stops;
                        new.period = if *monthly { Period::Month } else { Period::Total };
                    })
                    .unwrap();
            }
            Step::Change { which, limit, stops } => {
                let budgets: Vec<_> = scene.world.state.budgets.values().collect();
                let Some(one) = budgets.get(which % budgets.len().max(1)) else {
                    return (Vec::new(), None);
                };
                let measure = Measure::ALL.iter().position(|m| *m == one.spent.measure()).unwrap();
                let limit = Some(amount(measure, *limit));
                let change = Change { limit, alerts: None, hard_stop: Some(*stops) };
                let command = budget::Command::SetTerms { id: one.id, change };
                return (scene.world.run(Command::Budget(command)).unwrap(), None);
            }
            Step::Submit { who, project, gpus } => {
                let who = [
                    Actor::User(scene.ada),
                    Actor::User(scene.bob),
                    Actor::Key(scene.key),
                    Actor::System,
                ][*who];
                let project = [scene.risk, scene.retail, scene.trains][*project];
                let refused = scene.submit(who, project, *gpus);
                let is_budget = matches!(refused, Ok(_) | Err(Reject::BudgetExhausted { .. }));
                assert!(is_budget, "{refused:?}");
            }
            Step::Schedule => drop(scene.world.schedule()),
            Step::Use { which, amount, ends } => return self.use_some(*which, *amount, *ends),
            Step::Call { tokens } => {
                let now = scene.world.now();
                let state = &scene.world.state;
                if budget::require_open_for_calls(state, scene.risk, scene.key, now).is_ok() {
                    return (scene.call(u64::from(*tokens) * 100), None);
                }
            }
            Step::Wait { days } => scene.world.advance(u64::from(*days) * 86_400),
        }
        (Vec::new(), None)
    }

    /// Something that holds nodes uses more.
    fn use_some(
        &mut self,
        which: usize,
        amount: u8,
        ends: bool,
    ) -> (Vec<Event>, Option<Id<kinds::Workload>>) {
        let state = &self.scene.world.state;
        let holding = state.active_workloads().filter(|w| w.holds_nodes());
        let holding: Vec<_> = holding.map(|w| (w.id, w.spec.per_node.gpus.0)).collect();
        let Some((id, gpus)) = holding.get(which % holding.len().max(1)).copied() else {
            return (Vec::new(), None);
        };
        let n = u64::from(amount);
        let used = (n * 10_000, n * 360_000 * u64::from(gpus), n * 360_000_000);
        let status = if ends { exited(0) } else { running() };
        (self.scene.use_more(id, used, status), Some(id))
    }

    /// Exactly one alert for each threshold between what was and what is.
    fn check_alerts(&self, before: &State, events: &[Event]) {
        let now = self.scene.world.now();
        let mut alerted: Vec<(Id<kinds::Budget>, u8)> = Vec::new();
        for event in events {
            if let Event::Budget(budget::Event::Alerted { id, percent, .. }) = event {
                alerted.push((*id, *percent));
            }
        }
        let mut expected = Vec::new();
        for (id, budget) in &before.budgets {
            let is = &self.scene.world.state.budgets[id];
            let of = |b: &budget::Budget| i128::from(b.spent_at(now).base()) * 100;
            for percent in &is.terms.alerts {
                let reached = |b: &budget::Budget| {
                    of(b) >= i128::from(b.terms.limit.base()) * i128::from(*percent)
                };
                if !reached(budget) && reached(is) {
                    expected.push((*id, *percent));
                }
            }
        }
        alerted.sort_unstable();
        expected.sort_unstable();
        assert_eq!(alerted, expected);
    }

    /// What budgets stop lies under a budget that is used up, and all that does is stopped.
    fn check_stops(&mut self, before: &State, events: &[Event]) {
        let state = &self.scene.world.state;
        let now = self.scene.world.now();
        let shut: Vec<_> = state.budgets.values().filter(|b| b.is_shut_at(now)).collect();
        let is_under = |id: &Id<kinds::Workload>| {
            let workload = &before.workloads[id];
            shut.iter().any(|budget| {
                let owned = match budget.owner {
                    Owner::Organisation(id) => state.projects[&workload.project].organisation == id,
                    Owner::Project(id) => workload.project == id,
                    Owner::User(id) => {
                        workload.by == Actor::User(id)
                            || (workload.by == Actor::Key(self.scene.key) && id == self.scene.ada)
                    }
                    Owner::Key(id) => workload.by == Actor::Key(id),
                    Owner::ServiceAccount(_) => false,
                };
                let spends = match budget.spent.measure() {
                    Measure::Money | Measure::Energy => true,
                    Measure::GpuTime => !workload.spec.per_node.gpus.is_zero(),
                    Measure::Tokens => false,
                };
                owned && spends
            })
        };
        for event in events {
            if let Event::Workload(workload::Event::StopRequested { id, cause, .. }) = event {
                assert!(*cause == workload::StopCause::Budget && is_under(id), "{id} was stopped");
            }
        }
        let open = |w: &&workload::Workload| !matches!(w.phase, workload::Phase::Stopping { .. });
        // What came in after a month turned is not in the state before.
        for one in state.active_workloads().filter(open) {
            let known = before.workloads.contains_key(&one.id);
            assert!(!known || !is_under(&one.id), "{} goes on", one.id);
        }
        for budget in shut {
            let holding = || state.active_workloads().filter(|w| w.holds_nodes()).map(|w| w.id);
            self.in_flight.entry(budget.id).or_insert_with(|| holding().collect());
        }
        let state = &self.scene.world.state;
        self.in_flight.retain(|id, _| state.budgets[id].is_shut_at(now));
    }

    /// A budget that was used up before grows only by what was in flight then.
    fn check_overrun(&self, before: &State, used_by: Option<Id<kinds::Workload>>) {
        let now = self.scene.world.now();
        for (id, budget) in before.budgets.iter().filter(|(_, b)| b.is_shut_at(now)) {
            let is = &self.scene.world.state.budgets[id];
            if is.spent_at(now) > budget.spent_at(now) {
                let by = used_by.expect("only work that was in flight still counts");
                assert!(self.in_flight[id].contains(&by), "{by} was not in flight");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn budgets_hold_under_random_use(steps in steps()) {
        let mut run = Run { scene: Scene::new(), in_flight: BTreeMap::new() };
        for step in &steps {
            run.step(step);
        }
        prop_assert_eq!(run.scene.world.verify().findings, vec![]);
    }
}
