//! A random list of jobs as a table: gangs, segments, elastic work, shares of GPUs, arrays,
//! dependencies, priorities, limits.

use std::fmt::Write as _;

use crate::{
    Rng,
    twin::{
        fleet::{Fleet, Rack},
        number,
    },
};

/// A list of jobs. Writing into a text never fails, so results of `write!` are dropped here.
pub(super) fn text(rng: &mut Rng, fleet: &Fleet) -> String {
    let mut text =
        "job,tenant,submit_s,duration_s,nodes,gpus_per_node,gpu_milli,cpu_milli,memory_mib,\
                    classes,within,segment,priority,limit_s,checkpoint_s,array,after\n"
            .to_owned();
    // Plain work that any fleet can run, so that none is left without.
    let _ = writeln!(text, "first,org-1,0,60,1,0,,1,1,,,,,,,,");
    let n_jobs = rng.between(4, 40);
    let busy_s = *rng.pick(&[600_u64, 6_000, 40_000]).unwrap_or(&6_000);
    for number in 1..=n_jobs {
        row(rng, fleet, &mut text, (number, busy_s));
    }
    text
}

fn row(rng: &mut Rng, fleet: &Fleet, text: &mut String, (number, busy_s): (u64, u64)) {
    let organisation = rng.between(1, 3).min(rng.between(1, 3));
    let tenant = match rng.below(3) {
        0 => format!("org-{organisation}"),
        1 => format!("org-{organisation}/project-1"),
        _ => format!("org-{organisation}/project-{}/user-{}", rng.between(1, 2), rng.between(1, 2)),
    };
    let (submit, duration) = (rng.below(busy_s), rng.between(1, 18_000));
    let segment = if rng.chance(25) { rng.between(2, 4) } else { 1 };
    let min = rng.between(1, 3) * segment;
    let max = if rng.chance(20) { min + segment * rng.between(1, 3) } else { min };
    let Some(kind) = rng.pick(&fleet.kinds) else { return };
    // Mostly what one kind of node has, sometimes more than any.
    let most = u64::from(kind.gpus);
    let gpus = rng.pick(&[0, most.min(1), most / 2, most, most, 8]).copied().unwrap_or(0);
    let part = if gpus == 1 && max == 1 && rng.chance(30) { "500" } else { "" };
    let divisor = rng.between(1, 4);
    let (cpu, memory) =
        (rng.below(kind.cpu.0 / divisor + 1), rng.below((kind.memory.0 >> 20) / divisor + 1));
    let class = match fleet.classes.len() {
        2.. if gpus > 0 => *rng.pick(&["", "A", "B", "A|B"]).unwrap_or(&""),
        _ => "",
    };
    let wish = match rng.below(8) {
        0 => "require:nvlink",
        // Racks of several domains are no level of the scheduler.
        1 if fleet.racks.iter().all(|rack| is_domain(fleet, rack)) => "require:rack",
        1 => "require:row",
        2 => "require:row",
        3 => "prefer:rack",
        4 => "require:site",
        _ => "",
    };
    let wish = if segment > 1 { "" } else { wish };
    let segment = if segment > 1 { segment.to_string() } else { String::new() };
    let priority = rng.pick(&["", "", "10", "100", "-5"]).copied().unwrap_or("");
    let limit = match rng.below(10) {
        0 => (duration / 2 + 1).to_string(),
        1..8 => (duration + rng.below(7_200)).to_string(),
        _ => String::new(),
    };
    let checkpoint = if rng.chance(50) { "900" } else { "" };
    let array = if rng.chance(20) { format!("array-1:{number}") } else { String::new() };
    let after = if rng.chance(15) {
        let before = rng.below(number);
        if before == 0 { "first".to_owned() } else { format!("job-{before}") }
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "job-{number},{tenant},{submit},{duration},{min}-{max},{gpus},{part},{cpu},{memory},{class},\
         {wish},{segment},{priority},{limit},{checkpoint},{array},{after}"
    );
}

/// True if a rack is one NVLink domain.
fn is_domain(fleet: &Fleet, rack: &Rack) -> bool {
    let nodes = fleet.nodes.iter().skip(number::index(rack.first_node.0));
    let mut domains = nodes.take(number::index(rack.nodes)).map(|node| node.domain);
    let first = domains.next();
    domains.all(|domain| Some(domain) == first)
}
