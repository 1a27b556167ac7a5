//! Readers on small cuts of public lists, through the border of the module.

mod bad;
mod fits;
mod log;

use std::io::{Cursor, Write as _};

use expect_test::{Expect, expect};

use super::{Format, Job, Workload, read, write};

pub(super) fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/twin");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

pub(super) fn read_bytes(bytes: Vec<u8>, format: Option<Format>) -> Workload {
    read("list", Box::new(Cursor::new(bytes)), format).unwrap()
}

pub(super) fn as_text(workload: &Workload) -> String {
    let mut bytes = Vec::new();
    write(workload, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Format, counts, and the first rows in our own format, empty cells at the end cut.
fn check(name: &str, rows: usize, expected: &Expect) {
    let workload = read_bytes(fixture(name), None);
    let text = as_text(&workload);
    let shown = text.lines().skip(1).take(rows).map(|line| line.trim_end_matches(','));
    let shown: Vec<&str> = shown.collect();
    let (jobs, tenants) = (workload.jobs.len(), workload.tenants.paths().len());
    let found =
        format!("{}: {jobs} jobs of {tenants} tenants\n{}\n", workload.format, shown.join("\n"));
    expected.assert_eq(&found);
}

#[test]
fn lists_of_clusters_are_recognised_and_read() {
    check(
        "sample.csv",
        6,
        &expect![[r#"
        cocarde: 6 jobs of 5 tenants
        pretrain,acme/vision/ada,0,86400,,64,4,,,,,GB200,prefer:row,16,10,,,1800
        sweep-1,acme/speech,30.5,600,,,,1,250,2000,8192,,,,,900,,,sweep:1
        sweep-2,acme/speech,30.5,600.000001,,,,1,250,2000,8192,,,,,900,,,sweep:2
        elastic,beta,60,,720000,4-16,4,,,,,,require:rack,4,-5,,,600,,sweep-1;sweep-2
        tonight,beta/batch,100,3600,,1,0,,,64000,65536,,,,,,86400
        anything,all,200,,,,,8,,,,GB200|H100
    "#]],
    );
    check(
        "openb-pods.csv",
        3,
        &expect![[r#"
        openb: 36 jobs of 3 tenants
        openb-pod-0000,LS,0,12537496,,1,1,,,12000,16384
        openb-pod-0001,LS,427061,12475899,,1,1,,460,6000,12288
        openb-pod-0002,LS,1558381,11344579,,1,1,,,12000,24576
    "#]],
    );
    check(
        "openb-untimed.csv",
        2,
        &expect![[r#"
        openb: 10 jobs of 1 tenants
        openb-pod-0000,all,0,,,1,1,,,12000,16384
        openb-pod-0001,all,0,,,1,1,,460,6000,12288
    "#]],
    );
    check(
        "philly.csv",
        3,
        &expect![[r#"
        philly: 40 jobs of 6 tenants
        1,7f04ca,0,2240194,,,,8
        2,6214e9,235696,3256045,,,,1
        3,6214e9,257229,2643038,,,,1
    "#]],
    );
    check(
        "philly-original.csv",
        4,
        &expect![[r#"
        philly: 4 jobs of 4 tenants
        4,103959,0,197281,,,,4
        3,ee9e8c,6253,193256,,,,8
        2,6214e9,197137,2951,,,,1
        1,11cb48,200069,66,,,,1
    "#]],
    );
}

#[test]
fn lists_of_training_jobs_are_recognised_and_read() {
    check(
        "muri.csv",
        3,
        &expect![[r#"
        muri: 40 jobs of 8 tenants
        0,all/models/shufflenet_v2_x1_0,0,927475,,,,4
        1,all/models/resnet18,1456,926133,,,,4
        2,all/models/bert,352430,575169,,,,4
    "#]],
    );
    check(
        "tiresias.csv",
        3,
        &expect![[r#"
        tiresias: 20 jobs of 9 tenants
        0,all/models/vgg19,0,164,,,,1
        1,all/models/vgg11,30,147,,,,8
        2,all/models/inception4,53,127,,,,2
    "#]],
    );
    check(
        "shockwave.trace",
        3,
        &expect![[r#"
        gavel: 20 jobs of 14 tenants
        1,all/types/LM (batch size 10),0,1418,,,,1,,,,,,,1
        2,all/types/ResNet-18 (batch size 32),55,3338,,,,1,,,,,,,1
        3,all/types/ResNet-50 (batch size 64),64,13462,,,,1,,,,,,,1
    "#]],
    );
    check(
        "pollux.csv",
        2,
        &expect![[r#"
        pollux: 20 jobs of 4 tenants
        cifar10-0,all/applications/cifar10,107,,,,,6
        deepspeech2-1,all/applications/deepspeech2,110,,,,,6
    "#]],
    );
}

#[test]
fn lists_of_batch_systems_are_recognised_and_read() {
    check(
        "gaia-hours.csv",
        3,
        &expect![[r#"
        gaia: 40 jobs of 1 tenants
        1,all,0,91469.016,,,,0,,1000
        2,all,2076.984,90465.984,,,,0,,1000
        3,all,38354.004,51490.008,,,,0,,1000
    "#]],
    );
    check(
        "gaia-seconds.csv",
        3,
        &expect![[r#"
        gaia: 5 jobs of 1 tenants
        1,all,0,6302,,,,0,,1000
        2,all,68,1000,,,,0,,1000
        3,all,463,1570,,,,0,,3000
    "#]],
    );
    check(
        "sample.swf",
        4,
        &expect![[r#"
        swf: 4 jobs of 4 tenants
        1,group-3/queue-1/user-7,0,120,,,,0,,64000,128,,,,,300
        2,group-3/queue-1/user-8,10,3600,,,,0,,128000,,,,,,3600
        4,group-3/queue-2/user-7,40,12.5,,,,0,,1000,,,,,,12.5,,,,1
        5,group-4/queue-2/user-9,50,60,,,,0,,1000
    "#]],
    );
    check(
        "sample.sacct",
        3,
        &expect![[r#"
        sacct: 3 jobs of 2 tenants
        102_7,speech/gpu/bob,0,183845,,1,1,,,8000,64000,a100,,,,,,,102:7
        101,vision/gpu/ada,1800,3600,,2,4,,,32000,262144,,,,,86400
        104,vision/gpu/ada,12600,300,,,,3,,12000,1000,,,,,600
    "#]],
    );
}

/// What must survive being written and read again: everything but the line.
fn without_lines(jobs: &[Job]) -> Vec<Job> {
    jobs.iter().map(|job| Job { line: 0, ..job.clone() }).collect()
}

#[test]
fn what_is_written_reads_back_the_same() {
    for name in [
        "sample.csv",
        "openb-pods.csv",
        "philly.csv",
        "muri.csv",
        "shockwave.trace",
        "pollux.csv",
        "gaia-hours.csv",
        "sample.swf",
        "sample.sacct",
    ] {
        let first = read_bytes(fixture(name), None);
        let text = as_text(&first);
        let second = read_bytes(text.clone().into_bytes(), None);
        assert_eq!(second.format, Format::Cocarde);
        // Memory is kept in MiB; the samples of others that are not whole MiB are compared as text.
        assert_eq!(as_text(&second), text, "{name}");
        if name != "sample.swf" {
            assert_eq!(without_lines(&second.jobs), without_lines(&first.jobs), "{name}");
        }
        assert_eq!(second.tenants, first.tenants, "{name}");
    }
}

#[test]
fn a_packed_list_is_the_same_list() {
    let plain = fixture("openb-pods.csv");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&plain).unwrap();
    let packed = packer.finish().unwrap();
    assert_eq!(read_bytes(packed.clone(), None), read_bytes(plain, None));
    let cut = packed[..packed.len() / 2].to_vec();
    let error = read("list.gz", Box::new(Cursor::new(cut)), None).unwrap_err().to_string();
    assert!(error.contains("it is cut off; fetch it again"), "{error}");
}

#[test]
fn a_format_has_one_name_and_is_not_taken_for_another() {
    for format in Format::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    let error = "csv".parse::<Format>().unwrap_err();
    assert!(error.starts_with("`csv` is no format of job lists: use cocarde, openb, "), "{error}");
    assert_eq!(Format::detect("some,other,table\n1,2,3\n"), None);
    assert_eq!(Format::detect("\n\n; comment\n1 2 3\n"), Some(Format::Swf));
}

#[test]
fn jobs_are_in_order_of_submission_and_the_first_date_is_zero() {
    let workload = read_bytes(fixture("sample.sacct"), None);
    let submits: Vec<u64> = workload.jobs.iter().map(|job| job.submit.secs()).collect();
    // 102_7 was submitted half an hour before 101, which stands first.
    assert_eq!(submits, [0, 1_800, 12_600]);
}
