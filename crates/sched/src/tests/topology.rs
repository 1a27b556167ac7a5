//! Racks of eighteen trays: where gangs and small jobs go, and why the small ones fill the tails.

use expect_test::expect;

use super::{check, job, node};
use crate::{Job, Level, Node, Topology};

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
