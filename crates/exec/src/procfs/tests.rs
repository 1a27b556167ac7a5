//! Parsing and identity, at the module's border.

use super::{descendants, has_environment, identify, is_alive, parse_stat, stat};

const LINE: &str = "4242 (a (b) c) S 17 4242 4242 0 -1 4194560 100 0 0 0 12 3 40 5 20 0 1 0 99887 \
                    1000000 250 18446744073709551615";

#[test]
fn a_command_with_parentheses_does_not_shift_the_fields() {
    let parsed = parse_stat(LINE).unwrap();
    assert_eq!((parsed.pid, parsed.state, parsed.parent, parsed.session), (4242, 'S', 17, 4242));
    assert_eq!((parsed.own_ticks, parsed.children_ticks), (15, 45));
    assert_eq!((parsed.start_ticks, parsed.resident_pages), (99_887, 250));
}

#[test]
fn a_torn_line_is_no_process() {
    for end in [0, 4, 20, 60] {
        assert_eq!(parse_stat(&LINE[..end]), None, "cut at {end}");
    }
}

#[test]
fn descendants_are_transitive_and_cycles_end() {
    let process = |pid: i32, parent: i32| {
        let mut made = parse_stat(LINE).unwrap();
        (made.pid, made.parent) = (pid, parent);
        made
    };
    let table = [process(2, 1), process(3, 2), process(4, 3), process(9, 8), process(8, 9)];
    let mut found: Vec<i32> = descendants(1, &table).iter().map(|found| found.pid).collect();
    found.sort_unstable();
    assert_eq!(found, [2, 3, 4]);
    assert_eq!(descendants(8, &table).len(), 2);
}

#[test]
fn a_reused_id_is_another_process() {
    let own = i32::try_from(std::process::id()).unwrap();
    let mut identity = identify(own).unwrap();
    assert!(is_alive(&identity));
    identity.start_ticks += 1;
    assert!(!is_alive(&identity));
    identity.start_ticks -= 1;
    identity.boot_id.push('x');
    assert!(!is_alive(&identity));
    assert!(stat(own).is_some());
    assert!(!has_environment(own, &["COCARDE_WORKLOAD=none such".to_owned()]));
}
