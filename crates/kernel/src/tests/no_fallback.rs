//! Requirement 5: without compliant capacity a request waits or is refused; nothing falls back.

use super::{
    sovereignty::{endpoint, process_in, residency, start},
    *,
};

/// Xorshift: a seed names a run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Two compliant sites that are full, and two with room where nothing may go.
fn full_sites(
    world: &mut World,
    project: Id<kinds::Project>,
) -> Vec<(Id<kinds::Site>, &'static str)> {
    let mut sites = Vec::new();
    for (name, country, cores) in
        [("paris", "FR", 1), ("berlin", "DE", 1), ("rome", "IT", 64), ("zurich", "CH", 64)]
    {
        let site = world.site(name, country);
        world.node(site, &format!("{name}-1"), cores);
        sites.push((site, country));
    }
    let mut filler = job("filler");
    for country in ["FR", "DE"] {
        filler.residency_countries = Some(vec![country.parse().unwrap()]);
        world.submit_job(project, filler.clone()).unwrap();
    }
    assert_eq!(world.schedule(), 2, "compliant sites are full");
    sites
}

/// Requirement 5: a hundred thousand requests for a place or a route while every compliant site is
/// full. What is compliant is said here by countries alone, without any policy engine.
#[test]
fn without_compliant_capacity_nothing_falls_back() {
    let (mut world, bank, risk) = start();
    residency(&mut world, Scope::Organisation(bank), process_in(&["FR", "DE"]));
    let sites = full_sites(&mut world, risk);
    let served = endpoint(&mut world, risk);
    let mut waiting = vec![world.state.endpoints[&served].workloads[0]];
    let compliant = |site: Id<kinds::Site>, spec: &workload::Spec| {
        let country = sites.iter().find(|(id, _)| *id == site).unwrap().1;
        let listed = spec.residency_countries.as_ref();
        ["FR", "DE"].contains(&country)
            && listed.is_none_or(|list| list.iter().any(|one| one.as_str() == country))
    };
    let mut draw = Draw(0x2545_f491_4f6c_dd1d);
    let mut below = |limit: usize| draw.below(limit);
    let nodes: Vec<_> = world.state.nodes.values().map(|node| (node.id, node.site)).collect();
    let (mut refused, mut full, mut routed) = (0_u32, 0_u32, 0_u32);
    for round in 0..100_000 {
        let kind = below(10);
        if kind == 0 && waiting.len() < 40 {
            let mut spec = job(&format!("j{round}"));
            spec.class = DataClass::ALL[below(3)];
            spec.residency_countries = [None, Some("FR"), Some("DE"), Some("CH")][below(4)]
                .map(|code| vec![code.parse().unwrap()]);
            let command = workload::Command::Submit { project: risk, spec: Box::new(spec) };
            if let Ok(events) = quick(&mut world, Command::Workload(command))
                && let Some(Subject::Workload(id)) = events.first().map(Event::subject)
            {
                waiting.push(id);
            }
        } else if kind < 5 {
            let endpoint = &world.state.endpoints[&served];
            routed += u32::try_from(endpoint.ready_addresses(&world.state).len()).unwrap();
        } else {
            let workload = waiting[below(waiting.len())];
            let (node, site) = nodes[below(nodes.len())];
            let generation = world.state.workloads[&workload].generation;
            let place = workload::Place { workload, generation, nodes: vec![node], seats: vec![] };
            let spec = world.state.workloads[&workload].spec.clone();
            match quick(&mut world, Command::Workload(workload::Command::Place(place))) {
                Err(Reject::ForbiddenByPolicy(_)) => refused += 1,
                Err(Reject::DoesNotFit { .. }) => full += 1,
                other => panic!("{other:?}, compliant: {}", compliant(site, &spec)),
            }
        }
    }
    assert_eq!(routed, 0, "no request has a route");
    assert!(refused > 10_000 && full > 10_000, "{refused} refused, {full} did not fit");
    assert_eq!(world.schedule(), 0);
    let placed = world.state.workloads.values().filter(|one| one.attempt().is_some());
    assert_eq!(placed.clone().count(), 2);
    assert!(placed.into_iter().all(|one| compliant(one.attempt().unwrap().site, &one.spec)));
    let audit = world.verify();
    assert_eq!((audit.findings, audit.placements), (vec![], 2));
}

/// A command without the check of the whole state; a refusal goes on record as the sequencer does it.
fn quick(world: &mut World, command: Command) -> Result<Vec<Event>, Reject> {
    world.now += 1;
    world.counter += 1;
    let mut random = [0; 10];
    random[..8].copy_from_slice(&world.counter.to_be_bytes());
    let ctx = Ctx { now: world.now(), actor: Actor::System, random };
    let decided = decide(&world.state, &Submission::new(command), &ctx);
    let events = match &decided {
        Ok(events) => events.clone(),
        Err(Reject::ForbiddenByPolicy(refused)) => {
            vec![Event::PolicySet(policy_set::Event::Refused((**refused).clone()))]
        }
        Err(_) => vec![],
    };
    for event in events {
        let entry = Entry { at: ctx.now, actor: ctx.actor, idempotency: None, event };
        world.leaves.push(entry.to_leaf().unwrap());
        world.state.apply(&entry);
    }
    decided
}
