//! The platform's own log as a list of jobs.

use expect_test::expect;

use super::{as_text, read_bytes};
use crate::twin::workload::{Format, LogReader};

fn golden() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/logs/v1/leaves.jsonl");
    std::fs::read(path).unwrap()
}

#[test]
fn the_golden_log_is_a_list_of_jobs() {
    let workload = read_bytes(golden(), None);
    assert_eq!(workload.format, Format::Log);
    let text = as_text(&workload);
    let rows: Vec<&str> = text.lines().skip(1).map(|line| line.trim_end_matches(',')).collect();
    expect![[r#"
        job_01kav9ft0hfkebynzvz1gqvx2t,bank/risk,0,0.001,,1,1,,,2000,1024
        job_01kav9fv02ep4bp238ay05kkye,bank/risk,1.009,0.001,,1,0,,,1000,1024
        job_01kav9fv06encsdnex0cayb14a,bank/risk,1.013,,,1,0,,,1000,1024
        job_01kav9fv06encsdnex0cayb149,bank/risk,1.013,,,1,0,,,1000,1024
        job_01kav9fv0aezar7sdypdm4kvsz,bank/risk,1.017,0.003,,1,0,,,2000,1024"#]]
    .assert_eq(&rows.join("\n"));
}

#[test]
fn leaves_and_lines_are_the_same_list() {
    let bytes = golden();
    let mut reader = LogReader::new("list");
    for leaf in bytes.split(|byte| *byte == b'\n').filter(|leaf| !leaf.is_empty()) {
        reader.leaf(leaf).unwrap();
    }
    assert_eq!(reader.finish().unwrap().jobs, read_bytes(bytes.clone(), None).jobs);
}
