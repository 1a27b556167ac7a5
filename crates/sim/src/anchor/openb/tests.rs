//! The published runs of the default list, repeated; bad files; lists made here.

use std::path::{Path, PathBuf};

use sched::frag::{Gpus, Models};

use super::original::Constants;
use super::{
    Cluster, Derivation, Error, Options, PodList, Row, arrivals, derive, read_nodes, read_pods,
    read_published, run,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/openb")
}

fn default_list() -> (Cluster, PodList) {
    let cluster = read_nodes(&fixtures().join("openb_node_list_gpu_node.csv")).unwrap();
    let path = fixtures().join("openb_pod_list_default.csv");
    let list = read_pods(&path, "default", &cluster).unwrap();
    (cluster, list)
}

#[test]
fn the_generator_is_the_one_of_the_published_runs() {
    // Intn(100) of Go's math/rand, as its users know it: seed 1 is what an unseeded program draws.
    let constants = Constants::compute();
    let draws = |seed, many| {
        let mut random = constants.seeded(seed);
        (0..many).map(|_| random.below(100)).collect::<Vec<_>>()
    };
    assert_eq!(draws(1, 10), [81, 87, 47, 59, 81, 18, 25, 40, 56, 0]);
    assert_eq!(draws(42, 3), [5, 87, 68]);
    let mut order = constants.seeded(9).permutation(100);
    order.sort_unstable();
    assert_eq!(order, (0..100).collect::<Vec<_>>());
}

#[test]
fn published_runs_come_out_again_and_ours_is_better() {
    let options = Options {
        seeds: 42..43,
        random_streams: 1,
        derived: false,
        lists: vec!["default".into()],
        ..Options::published(fixtures())
    };
    let report = run(&options).unwrap();
    let full = |row: &Row| row.at_full().unwrap();
    for policy in ["DotProd", "GpuClustering", "GpuPacking", "BestFit", "FGD"] {
        let row = report.row("default", policy).unwrap();
        let all = row.comparison();
        assert_eq!((all.cells, all.near), (131, 131), "{policy}: {all:?}");
        assert!((full(row) - row.published_at(100).unwrap()).abs() <= 10, "{policy}");
    }
    let random = report.row("default", "Random").unwrap();
    assert!((full(random) - random.published_at(100).unwrap()).abs() < 1_000);
    let (fgd, ours) =
        (report.row("default", "FGD").unwrap(), report.row("default", "Worth").unwrap());
    assert!(full(ours) >= full(fgd) + 500, "{:?} {:?}", ours.allocated, fgd.allocated);
    assert!(ours.fragments < fgd.fragments);
    assert_eq!(report.gains(false), vec![("default", full(ours) - full(fgd))]);
    let several = |row: &Row| row.dropped[3];
    assert!(several(ours).1 <= several(fgd).1 + 2, "large work is not paid for");
    let tables = report.markdown();
    assert!(tables.contains("| default | FGD |") && tables.contains("131 of 131"), "{tables}");
}

#[test]
fn arrivals_ask_for_130_percent_and_repeat() {
    let (cluster, mut list) = default_list();
    let constants = Constants::compute();
    let of = |list: &PodList, seed| arrivals(&cluster, list, seed, &constants).unwrap();
    let first = of(&list, 42);
    let asked =
        |needs: &[sched::frag::Need]| needs.iter().map(|need| need.gpus.milli()).sum::<i64>();
    let target = first.capacity_milli * 130 / 100;
    assert!((asked(&first.needs) - target).abs() < 8_000);
    assert_eq!(first.needs, of(&list, 42).needs);
    assert_ne!(first.needs, of(&list, 43).needs);
    // A list that asks for more loses pods instead.
    let more: Vec<_> = list.pods.iter().cloned().cycle().take(list.pods.len() * 2).collect();
    list.pods = more;
    let fewer = of(&list, 42).needs;
    assert!(asked(&fewer) <= target && asked(&fewer) > target - 8_000);
    list.pods.retain(|pod| pod.need.gpus == Gpus::None);
    let refused = arrivals(&cluster, &list, 42, &constants);
    assert!(matches!(refused, Err(Error::NothingToFill(name)) if name == "default"));
}

#[test]
fn derived_lists_are_what_their_names_say() {
    let (_, default) = default_list();
    let mut constrained = default.clone();
    for (at, pod) in constrained.pods.iter_mut().enumerate() {
        if at % 9 == 0 && pod.need.gpus != Gpus::None {
            pod.need.models = Models::NONE.with(sched::frag::Model(1));
        }
    }
    let milli = |list: &PodList, which: &dyn Fn(&Gpus) -> bool| {
        let asked = list.pods.iter().map(|pod| pod.need.gpus).filter(which);
        asked.map(Gpus::milli).sum::<i64>()
    };
    for derivation in Derivation::ALL {
        let list = derive(derivation, &default, &constrained);
        assert_eq!(list.pods, derive(derivation, &default, &constrained).pods);
        let all = milli(&list, &|_| true);
        let near = |part: i64, percent: u32| (part * 100 / all - i64::from(percent)).abs() <= 1;
        let holds = match derivation {
            Derivation::Shared(percent) => {
                near(milli(&list, &|gpus| matches!(gpus, Gpus::Share { .. })), percent)
            }
            Derivation::Several(percent) => near(milli(&list, &|gpus| gpus.count() > 1), percent),
            Derivation::Constrained(percent) => {
                let with_gpus = list.pods.iter().filter(|pod| pod.need.gpus != Gpus::None);
                let (picky, free): (Vec<_>, Vec<_>) =
                    with_gpus.partition(|pod| pod.need.models != Models::ANY);
                let part = picky.len() * 100 / (picky.len() + free.len());
                part.abs_diff(usize::try_from(percent).unwrap()) <= 2
            }
            Derivation::CpuOnly(pods) => {
                let without = list.pods.iter().filter(|pod| pod.need.gpus == Gpus::None);
                without.count() == usize::try_from(pods).unwrap()
            }
        };
        assert!(holds, "{derivation:?}");
    }
}

#[test]
fn bad_files_name_line_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let nodes = "sn,cpu_milli,memory_mib,gpu,model\nn0,8000,100,2,T4\n";
    let cluster = read_nodes(&write("nodes.csv", nodes)).unwrap();
    let pods = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n";
    let pod_error = |line: &str| {
        let path = write("pods.csv", &format!("{pods}p0,1,1,0,0,\n{line}\n"));
        read_pods(&path, "bad", &cluster).unwrap_err().to_string()
    };
    for (line, field) in [
        ("p1,-5,1,1,500,", "line 3, field `cpu_milli`: `-5` must be a whole number"),
        ("p1,5,1,2,500,", "line 3, field `gpu_milli`: `500` must be 1000 where several"),
        ("p1,5,1,1,0,", "line 3, field `gpu_milli`: `0` must be from 1 to 1000"),
        ("p1,5,1,17,1000,", "line 3, field `num_gpu`: `17` must be at most 16"),
        ("p1,5,1,1,500,T4|H100", "line 3, field `gpu_spec`: `T4|H100` names a model"),
        ("p1,5,1", "line 3: CSV error"),
    ] {
        let message = pod_error(line);
        assert!(message.contains(field), "{message}");
    }
    let truncated = write("cut.csv.gz", "not compressed");
    assert!(matches!(read_nodes(&truncated), Err(Error::Malformed { .. })));
    let missing = read_nodes(&folder.path().join("none.csv")).unwrap_err().to_string();
    assert!(missing.contains("none.csv") && missing.contains("give the folder"), "{missing}");
    let no_column = write("short.csv", "sn,cpu_milli\nn0,1\n");
    assert!(matches!(read_nodes(&no_column), Err(Error::NoField { field: "model", .. })));
    let figures = write("figures.csv", "workload,sc_policy,seed,0,1\nx,06-FGD,42,0.5,high\n");
    assert!(
        read_published(&figures).unwrap_err().to_string().contains("`high` must be a percentage")
    );
    let options = Options { lists: vec!["nowhere".into()], ..Options::published(fixtures()) };
    assert!(matches!(run(&options), Err(Error::NoSuchList(name)) if name == "nowhere"));
}
