//! Parsing what the kernel says, and that this machine has facts.

use units::{Bytes, MilliCpu};

use super::{cpu, hostname, memory, parse_cpu_model, parse_meminfo, parse_quota, system};

#[test]
fn quotas() {
    for (text, expected) in [
        ("150000 100000\n", Some(MilliCpu(1_500))),
        ("max 100000", None),
        ("-1 100000", None),
        ("100000 0", None),
        ("", None),
    ] {
        assert_eq!(parse_quota(text), expected, "{text:?}");
    }
}

#[test]
fn processors_of_two_makers() {
    let intel = "processor\t: 0\nmodel name\t: Some Maker Chip 9000\nflags : a\n";
    assert_eq!(parse_cpu_model(intel), "Some Maker Chip 9000");
    let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n";
    assert_eq!(parse_cpu_model(arm), "Arm implementer 0x41 part 0xd4f");
    assert_eq!(parse_cpu_model(""), "unknown");
}

#[test]
fn memory_lines_are_kibibytes() {
    let text = "MemTotal:       100 kB\nMemAvailable:    40 kB\n";
    assert_eq!(parse_meminfo(text, "MemAvailable"), Bytes(40_960));
    assert_eq!(parse_meminfo(text, "Nothing"), Bytes(0));
}

#[test]
fn this_machine_has_a_processor_memory_and_a_name() {
    assert!(cpu() >= MilliCpu(1));
    assert!(memory() > Bytes(1 << 20));
    assert!(!hostname().is_empty());
    assert!(system().starts_with("Linux "));
}
