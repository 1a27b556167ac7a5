//! The parts of the local engine that need no process: paths, environment, readiness.

use std::{collections::BTreeMap, fs, os::unix::fs::symlink, path::Path};

use api::engine::{GpuPart, Input, Launch, Phase};
use units::{Bytes, Digest, GpuCount, Id, MilliCpu};

use super::{
    Index, Stage, Tracked,
    devices::Devices,
    env::{Choices, environment},
    inputs::{self, Places, below},
    probe::{Readiness, is_success},
};
use crate::{
    engine::{ArtefactError, Artefacts, AttemptKey},
    sandbox::{Grants, readable},
    spec::AttemptDir,
};

fn digest(byte: &str) -> Digest {
    format!("sha256:{}", byte.repeat(32)).parse().unwrap()
}

fn input(mount: &str, byte: &str) -> Input {
    Input { mount: mount.to_owned(), manifest: digest(byte) }
}

#[test]
fn mounts_stay_below_the_working_folder() {
    for good in ["/data", "/data/", "/a/b/c", "/ünïcode", "/a b"] {
        assert!(below(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "/",
        "//",
        "data",
        "../x",
        "/..",
        "/a/../..",
        "/a/../b",
        "/./a",
        "/\0",
        "/out",
        "/tmp/x",
        "/checkpoint",
        "//etc",
    ] {
        let message = below(bad).unwrap_err();
        assert!(message.contains("mount path"), "{bad:?}: {message}");
    }
}

#[test]
fn overlapping_mounts_are_refused() {
    let inputs = [input("/a/b", "11"), input("/a", "22")];
    assert!(inputs::check(&inputs).unwrap_err().contains("overlap"));
    assert!(inputs::check(&[input("/a", "11"), input("/a", "11")]).is_err());
    assert!(inputs::check(&[input("/a", "11"), input("/ab", "11")]).is_ok());
}

/// Writes one file that names the manifest.
struct Store;

impl Artefacts for Store {
    fn materialise(&self, manifest: Digest, into: &Path) -> Result<(), ArtefactError> {
        if manifest == digest("ee") {
            fs::write(into.join("part"), "half").unwrap();
            return Err(ArtefactError::Missing { manifest });
        }
        fs::write(into.join("name"), manifest.to_string())
            .map_err(|source| ArtefactError::Io { manifest, source })
    }
}

#[test]
fn inputs_are_written_once_and_anew_for_another_version() {
    let home = tempfile::tempdir().unwrap();
    let (inputs_dir, work) = (home.path().join("inputs"), home.path().join("work"));
    fs::create_dir_all(&work).unwrap();
    let places = Places { home: home.path(), inputs: &inputs_dir, work: &work };
    let put = |input: Input| inputs::materialise(&[input], places, &Store);
    put(input("/d/x", "11")).unwrap();
    let seen = work.join("d/x/name");
    assert_eq!(fs::read_to_string(&seen).unwrap(), digest("11").to_string());
    fs::write(inputs_dir.join("d/x/kept"), "").unwrap();
    put(input("/d/x", "11")).unwrap();
    assert!(work.join("d/x/kept").exists(), "an unchanged input is not written again");
    put(input("/d/x", "22")).unwrap();
    assert_eq!(fs::read_to_string(&seen).unwrap(), digest("22").to_string());
    assert!(!work.join("d/x/kept").exists());
    assert!(put(input("/d/x", "ee")).unwrap_err().contains("not in the artefact store"));
    put(input("/d/x", "22")).unwrap();
    assert!(!work.join("d/x/part").exists(), "a failed version leaves nothing behind");
}

#[test]
fn a_link_made_by_the_workload_is_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let (inputs_dir, work) = (home.path().join("inputs"), home.path().join("work"));
    fs::create_dir_all(&work).unwrap();
    symlink(outside.path(), work.join("d")).unwrap();
    fs::write(work.join("file"), "").unwrap();
    let places = Places { home: home.path(), inputs: &inputs_dir, work: &work };
    for mount in ["/d/x", "/file", "/file/x"] {
        let message = inputs::materialise(&[input(mount, "11")], places, &Store).unwrap_err();
        assert!(message.contains("in the way"), "{mount}: {message}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    // A link in the place of the mount itself is replaced, not followed.
    inputs::materialise(&[input("/d", "11")], places, &Store).unwrap();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert!(work.join("d/name").exists());
}

#[test]
fn the_environment_is_complete_and_its_identity_cannot_be_replaced() {
    let launch = Launch {
        name: "n".to_owned(),
        script: String::new(),
        image: None,
        environment: BTreeMap::from([
            ("LANG".to_owned(), "fr_FR.UTF-8".to_owned()),
            ("COCARDE_WORKLOAD".to_owned(), "forged".to_owned()),
            ("MASTER_ADDR".to_owned(), "10.0.0.7".to_owned()),
        ]),
        n_ranks: 4,
        cpu: MilliCpu(1_000),
        memory: Bytes(1),
        gpus: GpuCount(0),
        part: None,
        inputs: Vec::new(),
        stop_signal: "TERM".to_owned(),
        time_limit: None,
        service: true,
    };
    let key = AttemptKey { workload: Id::from_bytes([5; 16]), rank: 2, attempt: 3 };
    let choices = Choices {
        work: Path::new("/w"),
        program_dir: Some(Path::new("/opt/cocarde/bin")),
        port: Some(5_000),
        gpus: &["GPU-1".to_owned(), "GPU-2".to_owned()],
    };
    let variables = environment(key, &launch, choices);
    for (name, expected) in [
        ("HOME", "/w"),
        ("TMPDIR", "/w/tmp"),
        ("LANG", "fr_FR.UTF-8"),
        ("NODE_RANK", "2"),
        ("NNODES", "4"),
        ("WORLD_SIZE", "4"),
        ("LOCAL_RANK", "0"),
        ("MASTER_ADDR", "10.0.0.7"),
        ("COCARDE_WORKLOAD", &key.workload.to_string()),
        ("COCARDE_ATTEMPT", "3"),
        ("COCARDE_OUT", "/w/out"),
        ("COCARDE_CHECKPOINT", "/w/checkpoint"),
        ("PORT", "5000"),
        ("CUDA_VISIBLE_DEVICES", "GPU-1,GPU-2"),
    ] {
        assert_eq!(variables.get(name).map(String::as_str), Some(expected), "{name}");
    }
    assert!(variables["PATH"].starts_with("/opt/cocarde/bin:"));
    let port: u16 = variables["MASTER_PORT"].parse().unwrap();
    assert!((20_000..32_000).contains(&port));
    let other = environment(AttemptKey { rank: 0, ..key }, &launch, choices);
    assert_eq!(other["MASTER_PORT"], variables["MASTER_PORT"], "all ranks agree");
}

#[test]
fn readiness_has_patience_only_after_it_was_ready() {
    let ready = Phase::Ready { address: "127.0.0.1:80".to_owned() };
    let mut fresh = Readiness::default();
    assert_eq!(fresh.step(false, 80), Phase::Running);
    assert_eq!(fresh.step(true, 80), ready);
    assert_eq!(fresh.step(false, 80), ready);
    assert_eq!(fresh.step(false, 80), ready);
    assert_eq!(fresh.step(false, 80), Phase::Unready);
    assert_eq!(fresh.step(true, 80), ready);
    assert_eq!(Readiness::adopted().step(false, 80), Phase::Unready);
}

#[test]
fn only_two_hundreds_are_healthy() {
    for (head, expected) in [
        ("HTTP/1.1 200", true),
        ("HTTP/1.0 204", true),
        ("HTTP/1.1 503", false),
        ("HTTP/2.0 200", false),
        ("SSH-2.0-Open", false),
        ("", false),
    ] {
        assert_eq!(is_success(head.as_bytes()), expected, "{head}");
    }
}

#[test]
fn folders_name_the_workload_and_the_rank() {
    let key = AttemptKey { workload: Id::from_bytes([5; 16]), rank: 0, attempt: 1 };
    for key in [key, AttemptKey { rank: 12, ..key }] {
        let folder = AttemptDir::workload_dir(Path::new("/s"), key);
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert_eq!(AttemptDir::parse_workload_dir(name), Some((key.workload, key.rank)));
    }
    for other in ["engine.lock", "x", "job_1-rank-2", ""] {
        assert_eq!(AttemptDir::parse_workload_dir(other), None, "{other}");
    }
}

#[test]
fn no_grant_contains_the_run_folder() {
    let grants = Grants {
        read: vec!["/srv".into(), "/srv/run/a/inputs".into(), "/srv/program".into()],
        write: Vec::new(),
        gpus: false,
        state_dir: "/srv/run".into(),
    };
    assert_eq!(
        readable(&grants),
        ["/srv/run/a/inputs", "/srv/program"].map(std::path::PathBuf::from)
    );
}

fn wants(gpus: u32, part_of: Option<u32>) -> Launch {
    let part = part_of.map(|gpu| GpuPart { gpu, milli: 250, profile: None, start: None });
    Launch {
        name: "n".to_owned(),
        script: String::new(),
        image: None,
        environment: BTreeMap::new(),
        n_ranks: 1,
        cpu: MilliCpu(1_000),
        memory: Bytes(1),
        gpus: GpuCount(gpus),
        part,
        inputs: Vec::new(),
        stop_signal: "TERM".to_owned(),
        time_limit: None,
        service: false,
    }
}

#[test]
fn a_shared_gpu_is_one_device_and_nobody_else_gets_it() {
    let mut index = Index::default();
    let key = |number| AttemptKey { workload: Id::from_bytes([number; 16]), rank: 0, attempt: 1 };
    let begin = |index: &mut Index, number, launch: &Launch| {
        let Devices::Given(gpus) = index.devices(launch, 3) else { panic!("no devices") };
        let part_of = launch.part.as_ref().map(|part| part.gpu);
        let tracked = Tracked::new(Stage::Preparing, gpus.clone());
        index.attempts.insert(key(number), Tracked { part_of, ..tracked });
        gpus
    };
    assert_eq!(begin(&mut index, 1, &wants(1, None)), [0]);
    // Number 0 of the books is device 1 here: device 0 has a whole owner.
    assert_eq!(begin(&mut index, 2, &wants(0, Some(0))), [1]);
    assert_eq!(begin(&mut index, 3, &wants(0, Some(2))), [2]);
    assert_eq!(begin(&mut index, 4, &wants(0, Some(0))), [1]);
    assert_eq!(index.devices(&wants(1, None), 3), Devices::Later);
    assert_eq!(index.devices(&wants(0, Some(1)), 3), Devices::Later);
    index.attempts.remove(&key(2));
    assert_eq!(index.devices(&wants(1, None), 3), Devices::Later, "another share is there");
    index.attempts.remove(&key(4));
    assert_eq!(index.devices(&wants(1, None), 3), Devices::Given(vec![1]));
    assert!(matches!(index.devices(&wants(0, Some(0)), 0), Devices::Never(_)));
    let mut instance = wants(0, Some(0));
    instance.part.as_mut().unwrap().profile = Some("1g.10gb".to_owned());
    assert!(matches!(index.devices(&instance, 3), Devices::Never(_)));
}
