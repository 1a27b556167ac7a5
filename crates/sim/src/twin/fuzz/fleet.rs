//! A random small fleet as a file: sites, rows, racks, models of GPU, failures and maintenance.

use std::fmt::Write as _;

use crate::Rng;

/// A fleet file. Writing into a text never fails, so results of `write!` are dropped here.
pub(super) fn text(rng: &mut Rng) -> String {
    let mut text = "name = \"fuzz\"\n".to_owned();
    let classes: &[&str] = if rng.chance(50) { &["A"] } else { &["A", "B"] };
    for class in classes {
        let _ = write!(
            text,
            "[[gpu]]\nname = \"{class}\"\nmemory_gib = 80\nidle_watts = 100\ntdp_watts = 700\n"
        );
    }
    let n_sites = rng.between(1, 3);
    for site in 1..=n_sites {
        let _ = write!(
            text,
            "[[site]]\nname = \"s{site}\"\ncountry = \"FR\"\npue = 1.2\neur_per_mwh = 90\ng_per_kwh = 40\n"
        );
    }
    let mut rows: Vec<String> = Vec::new();
    for site in 1..=n_sites {
        let mut n_rows = 0;
        for _ in 0..rng.between(1, 2) {
            let count = rng.between(1, 4);
            let per_row = rng.between(1, 2);
            racks(rng, &mut text, (site, count, per_row), classes);
            // Each table begins rows of its own.
            n_rows += count.div_ceil(per_row);
        }
        rows.extend((1..=n_rows).map(|row| format!("s{site}/row-{row}")));
    }
    failures(rng, &mut text);
    for _ in 0..rng.below(3) {
        let Some(row) = rng.pick(&rows) else { break };
        let from = rng.below(30_000) + 1;
        let until = from + rng.between(600, 14_400);
        let notice = rng.below(40_000);
        let _ = write!(
            text,
            "[[maintenance]]\nfeeder = \"{row}\"\nfrom = \"{from}s\"\nuntil = \"{until}s\"\nnotice = \"{notice}s\"\n"
        );
    }
    text
}

fn racks(
    rng: &mut Rng,
    text: &mut String,
    (site, count, per_row): (u64, u64, u64),
    classes: &[&str],
) {
    let nodes = rng.between(1, 6);
    // A domain that ends at the node, or is the rack.
    let nvlink = if rng.chance(70) { nodes } else { 1 };
    let cores = rng.between(4, 64);
    let memory = rng.between(16, 256);
    let _ = write!(
        text,
        "[[racks]]\nsite = \"s{site}\"\ncount = {count}\nracks_per_row = {per_row}\n\
         nodes_per_rack = {nodes}\nnvlink_nodes = {nvlink}\ncpu_cores = {cores}\nmemory_gib = {memory}\n"
    );
    if rng.chance(85)
        && let Some(class) = rng.pick(classes)
    {
        let gpus = rng.pick(&[1_u64, 2, 4, 4, 8]).copied().unwrap_or(1);
        let _ = write!(text, "gpu = \"{class}\"\ngpus_per_node = {gpus}\n");
    }
}

/// Things fail every few days and are repaired within hours, while jobs run for hours.
fn failures(rng: &mut Rng, text: &mut String) {
    if rng.chance(25) {
        return;
    }
    let _ = writeln!(text, "[failures]");
    for what in ["node", "rack", "nvlink"] {
        if rng.chance(70) {
            let (between, repair) = (rng.between(3, 30), rng.between(5, 180));
            let _ = write!(text, "{what}_mtbf = \"{between}d\"\n{what}_mttr = \"{repair}m\"\n");
        }
    }
}
