//! Coverage-guided fuzzing with libFuzzer, on the stable compiler: `cargo xtask fuzz` builds it with the compiler's
//! coverage counters and names the target in `FUZZ_TARGET`.
//!
//! The targets, and what must hold in each, are functions in `gateway::fuzzing`; none has its body here.

#![no_main]

use std::sync::OnceLock;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fn chosen() -> fn(&[u8]) {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = gateway::fuzzing::TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("`FUZZ_TARGET` names no target: `{name}`")).1
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(chosen)(bytes));
