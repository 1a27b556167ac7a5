//! Sharing, the model, and RAPL over a folder that stands in for the kernel's.

use std::fs;

use units::{MilliJoule, MilliWatt};

use super::{Meter, PowerModel, Rapl, busy_ticks, share};

#[test]
fn energy_is_shared_by_processor_time() {
    for (total, used, busy, expected) in
        [(1_000, 250, 1_000, 250), (1_000, 0, 500, 0), (1_000, 900, 300, 1_000), (1_000, 5, 0, 0)]
    {
        assert_eq!(share(MilliJoule(total), used, busy), MilliJoule(expected));
    }
}

#[test]
fn busy_time_leaves_idle_iowait_and_steal_out() {
    assert_eq!(busy_ticks("cpu  10 1 5 1000 50 2 3 400 0 0"), 21);
    assert_eq!(busy_ticks(""), 0);
}

#[test]
fn the_model_is_power_times_time_and_says_so() {
    let model = PowerModel::default();
    assert_eq!(model.energy(2_000_000), MilliJoule(24_000));
    assert_eq!(model.describe(), "model: 12.0 W per busy core (assumed)");
    let model = PowerModel { per_busy_core: MilliWatt(4_500) };
    assert_eq!(model.describe(), "model: 4.5 W per busy core (assumed)");
}

#[test]
fn packages_are_summed_and_wrap() {
    let root = tempfile::tempdir().unwrap();
    for (zone, name, energy) in
        [("a", "package-0", "990"), ("b", "package-1", "5000"), ("c", "core", "1")]
    {
        let folder = root.path().join(zone);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("name"), format!("{name}\n")).unwrap();
        fs::write(folder.join("energy_uj"), energy).unwrap();
        fs::write(folder.join("max_energy_range_uj"), "1000000\n").unwrap();
    }
    let mut rapl = Rapl::open_below(root.path()).unwrap();
    assert_eq!(rapl.describe(), "RAPL package-0 + package-1, shared by processor time");
    assert_eq!(rapl.step(), MilliJoule(0));
    fs::write(root.path().join("a/energy_uj"), "400990").unwrap();
    fs::write(root.path().join("b/energy_uj"), "4000").unwrap();
    // 400,000 µJ of the first; the second wrapped: 1,000,000 - 5,000 + 4,000 = 999,000 µJ.
    assert_eq!(rapl.step(), MilliJoule(1_399));
    fs::write(root.path().join("c/energy_uj"), "9000000").unwrap();
    assert_eq!(rapl.step(), MilliJoule(0));
    assert!(Rapl::open_below(&root.path().join("none")).is_none());
}

#[test]
fn a_meter_never_runs_backwards() {
    let mut meter = Meter::start(PowerModel::default(), &[]);
    let first = meter.sample(1_000_000);
    let second = meter.sample(900_000);
    let third = meter.sample(2_000_000);
    assert!(first.energy <= second.energy && second.energy <= third.energy);
    assert!(!first.source.is_empty());
}
