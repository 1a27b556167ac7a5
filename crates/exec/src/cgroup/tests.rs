//! Locating hierarchies from text, and groups over a folder that stands in for the kernel's.

use std::{collections::BTreeMap, fs, path::PathBuf};

use units::{Bytes, MilliCpu};

use super::{Controller, Group, GroupLimits, Mechanism, locate};

const HYBRID_MOUNTS: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
const HYBRID_OWN: &str = "4:memory:/tool/a\n2:cpuacct:/\n1:cpu:/\n0::/\n";

#[test]
fn a_hybrid_machine_has_each_controller_in_its_own_place() {
    let (unified, separate) = locate(HYBRID_MOUNTS, HYBRID_OWN);
    assert_eq!(unified, Some(PathBuf::from("/sys/fs/cgroup/unified")));
    let expected = BTreeMap::from([
        (Controller::Cpu, PathBuf::from("/sys/fs/cgroup/cpu")),
        (Controller::Cpuacct, PathBuf::from("/sys/fs/cgroup/cpuacct")),
        (Controller::Memory, PathBuf::from("/sys/fs/cgroup/memory/tool/a")),
    ]);
    assert_eq!(separate, expected);
}

#[test]
fn joint_controllers_and_a_container_s_mount_root_are_understood() {
    let mounts = "9 8 0:1 /docker/x /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n";
    let (unified, separate) = locate(mounts, "3:cpu,cpuacct:/docker/x/inner\n");
    assert_eq!(unified, None);
    let folder = PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/inner");
    assert_eq!(separate.get(&Controller::Cpu), Some(&folder));
    assert_eq!(separate.get(&Controller::Cpuacct), Some(&folder));
}

#[test]
fn a_systemd_unit_on_version_two() {
    let mounts = "26 24 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
    let (unified, separate) = locate(mounts, "0::/system.slice/cocarde.service\n");
    assert_eq!(unified, Some(PathBuf::from("/sys/fs/cgroup/system.slice/cocarde.service")));
    assert!(separate.is_empty());
}

#[test]
fn nothing_mounted_is_nothing() {
    assert_eq!(locate("", ""), (None, BTreeMap::new()));
    assert_eq!(locate("garbage\n", "1:cpu\n"), (None, BTreeMap::new()));
}

fn in_folder(unified: bool) -> (tempfile::TempDir, Group) {
    let root = tempfile::tempdir().unwrap();
    let own = Controller::ALL
        .into_iter()
        .filter(|controller| !(unified && *controller == Controller::Cpuacct))
        .map(|controller| {
            let name = if unified { "all" } else { controller.name() };
            (controller, root.path().join(name))
        })
        .collect();
    let group = Mechanism::Groups { unified, own }.group("a-1").unwrap();
    (root, group)
}

#[test]
fn limits_are_written_in_the_words_of_each_version() {
    let limits = GroupLimits { cpu: MilliCpu(1_500), memory: Bytes(1 << 30), n_processes_max: 99 };
    for (unified, files) in [
        (true, [("all", "cpu.max", "150000 100000"), ("all", "memory.max", "1073741824")]),
        (
            false,
            [
                ("cpu", "cpu.cfs_quota_us", "150000"),
                ("memory", "memory.limit_in_bytes", "1073741824"),
            ],
        ),
    ] {
        let (root, group) = in_folder(unified);
        group.create(limits).unwrap();
        group.create(limits).unwrap();
        for (folder, file, expected) in files {
            let path = root.path().join(folder).join("cocarde/a-1").join(file);
            assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{}", path.display());
        }
        let pids = root.path().join(if unified { "all" } else { "pids" });
        assert_eq!(fs::read_to_string(pids.join("cocarde/a-1/pids.max")).unwrap(), "99");
    }
}

#[test]
fn accounting_is_read_in_the_words_of_each_version() {
    let (_root, two) = in_folder(true);
    let folder = two.folders.get(&Controller::Memory).unwrap();
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("cpu.stat"), "usage_usec 1234567\nuser_usec 1\n").unwrap();
    fs::write(folder.join("memory.peak"), "4096\n").unwrap();
    fs::write(folder.join("memory.events"), "low 0\noom 2\noom_kill 1\n").unwrap();
    fs::write(folder.join("cgroup.procs"), "7\n9\n").unwrap();
    assert_eq!(two.cpu_micros(), Some(1_234_567));
    assert_eq!(two.memory_peak(), Some(Bytes(4_096)));
    assert_eq!(two.oom_kills(), 1);
    assert_eq!(two.processes(), [7, 9]);

    let (_root, one) = in_folder(false);
    for (controller, file, text) in [
        (Controller::Cpuacct, "cpuacct.usage", "2000000\n"),
        (Controller::Memory, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
    ] {
        let folder = one.folders.get(&controller).unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(file), text).unwrap();
    }
    assert_eq!((one.cpu_micros(), one.oom_kills()), (Some(2_000), 3));
}

#[test]
fn the_description_says_which_and_why() {
    let none = Mechanism::Rlimits { cause: "read-only".to_owned() };
    assert!(none.describe().starts_with("rlimits") && none.describe().contains("read-only"));
    assert_eq!(none.group("x"), None);
    let own = BTreeMap::from([(Controller::Memory, PathBuf::from("/m"))]);
    assert_eq!(Mechanism::Groups { unified: false, own }.describe(), "cgroup v1 (memory)");
}
