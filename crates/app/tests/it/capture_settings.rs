//! Opting in and out of capture as people type it: what is made, what is said, what is refused.

use crate::platform::Platform;

#[test]
fn a_project_opts_in_is_told_what_is_kept_and_opts_out() {
    let platform = Platform::start();
    let set = ["capture", "set", "--dataset", "asked", "--percent", "2.5", "--keep-days", "30"];
    platform.run(&set).check(3, &["there is no dataset `asked`", "add `--class internal`"]);
    let made = platform.good(&[&set[..], &["--class", "internal"]].concat());
    assert_eq!((&made["permille"], &made["keep_days"]), (&25.into(), &30.into()), "{made}");
    let dataset = platform.good(&["dataset", "get", "asked"]);
    assert_eq!((&dataset["origin"], &dataset["keep_days"]), (&"captured".into(), &30.into()));
    let other = platform.run(&[&set[..], &["--class", "public"]].concat());
    other.check(2, &["is of class `internal`, not `public`", "leave `--class` out"]);
    platform
        .run(&["capture", "set", "--dataset", "asked", "--percent", "0.05", "--keep-days", "1"])
        .check(2, &["give 0.1 to 100"]);
    let shown = platform.run(&["capture", "show"]);
    shown.check(0, &[]);
    let own = shown.stdout.lines().filter(|line| !line.starts_with("project:"));
    let said: Vec<String> =
        own.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "captured: 2.5 % of requests, with their answers",
        "dataset: nlp/asked",
        "class: internal; endpoints of a higher class are left out",
        "kept for: 30 days",
        "waiting: nothing",
        "dropped: nothing",
        "version: 2",
    ];
    assert_eq!(said, expected);
    let closed = platform.run(&["capture", "close"]).stdout;
    assert!(closed.contains("none: nothing waits"), "{closed}");
    let off = platform.good(&["capture", "off"]);
    assert_eq!((&off["is_on"], off.get("dataset")), (&false.into(), None), "{off}");
    assert_eq!(platform.good(&["dataset", "get", "asked"])["keep_days"], 30, "it is the dataset's");
}
