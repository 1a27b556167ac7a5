//! Racks of eighteen trays: where gangs and small jobs go, and why the small ones fill the tails.

use expect_test::expect;

use super::{check, job, node, problem, running};
use crate::{Job, Level, Node, Topology, plan};

/// Racks of 18 trays of 4 GPUs, four racks a group.
fn racks(n: u32) -> Vec<Node> {
    let tray = |rack: u32| Node { group: rack / 4, ..node(0, rack, 4) };
    (0..n).flat_map(|rack| (0..18).map(move |_| tray(rack))).collect()
}

fn gang(nodes: u32, segment: u32, within: Level) -> Job {
    Job { topology: Topology { within, segment }, ..job(nodes, 4) }
}

#[test]
fn segments_stay_whole_and_small_jobs_take_the_tails() {
    check(
        racks(2),
        vec![gang(32, 16, Level::Site), job(2, 4), job(1, 4), job(1, 4), job(1, 4)],
        expect![[r#"
            job 0 on [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33]
            job 1 on [16, 17]
            job 2 on [34]
            job 3 on [35]
            job 4 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        "#]],
    );
}

#[test]
fn a_domain_is_never_left() {
    check(
        racks(5),
        vec![
            gang(18, 1, Level::Rack),
            gang(19, 1, Level::Rack),
            gang(54, 1, Level::Group),
            gang(18, 18, Level::Group),
            gang(18, 1, Level::Rack),
        ],
        expect![[r#"
            job 0 on [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
            job 2 on [18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71]
            job 3 on [72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89]
            job 1 waits: The job needs 19 nodes in one rack, but none could give more than 18.
            job 4 waits: Waiting for GPUs: the job needs 18 nodes with enough free in one site, 0 have it now.
        "#]],
    );
}

#[test]
fn while_others_wait_for_blocks_who_asks_for_no_closeness_takes_tails() {
    // Three racks of six: a block of four and a tail of two each. The third is busy for a while.
    let nodes = || (0..18).map(|n| node(0, n / 6, 4)).collect::<Vec<_>>();
    let busy = || {
        let limited = Job { limit_us: Some(50_000), ..job(6, 4) };
        vec![running(limited, &[12, 13, 14, 15, 16, 17])]
    };
    let blocks = Job { topology: Topology { within: Level::Site, segment: 4 }, ..job(12, 4) };
    let four = Job { submitted_order: 1, limit_us: Some(90_000), ..job(4, 4) };
    let got = |waiting| {
        let plan = plan(&problem(nodes(), waiting, busy()));
        let placement = plan.placements.first().map(|one| &one.nodes);
        placement.map(|nodes| nodes.iter().map(|node| node.0 / 6).collect::<Vec<u32>>())
    };
    // Alone it stays together.
    assert_eq!(got(vec![four.clone()]), Some(vec![0; 4]));
    // Beside the gang it takes two tails, and the gang starts as soon as without it.
    let waiting = vec![blocks, four];
    assert_eq!(got(waiting.clone()), Some(vec![0, 0, 1, 1]));
    let promises = plan(&problem(nodes(), waiting, busy())).promises;
    assert_eq!(promises[0].from_us, 50_000);
}
