//! Fleet files: the examples count as they say, and what is wrong is named with line and field.

use units::{DurationMicros, MilliWatt};

use super::{Counts, Fleet, Level, NodeIdx, Series, parse};
use crate::twin::{
    InputError,
    time::{HOUR_MICROS, Time},
};

/// A fleet that is small and right; the bad ones are made from it.
const GOOD: &str = r#"name = "small"

[[gpu]]
name = "A"
memory_gib = 80
idle_watts = 50
tdp_watts = 400.5
busy_percent = 80
eur_per_hour = 2.5

[[site]]
name = "lyon"
country = "FR"
pue = 1.25
eur_per_mwh = 92.5
g_per_kwh = 56
contracted_kw = 20
allowed_kw = 18.5

[[hall]]
site = "lyon"
name = "h"

[[racks]]
site = "lyon"
hall = "h"
count = 3
racks_per_row = 2
nodes_per_rack = 4
nvlink_nodes = 2
gpu = "A"
gpus_per_node = 8
cpu_cores = 64
memory_gib = 512

[failures]
node_mtbf = "90d"
node_mttr = "6h"
bad_tray_percent = 2.5

[[quota]]
tenant = "acme/vision"
gpus = 16

[[power_event]]
at = "2d"
feeder = "lyon/h"
allowed_kw = 9
"#;

fn read(text: &str) -> Result<Fleet, InputError> {
    parse("fleet.toml", text, &|path| match path {
        "carbon.csv" => Ok("time,g\n2020-01-01 00:00,10\n2020-01-01 00:30,20.5\n".to_owned()),
        "broken.csv" => Ok("10\nmany\n".to_owned()),
        other => Err(std::io::Error::new(std::io::ErrorKind::NotFound, other.to_owned())),
    })
}

#[test]
fn a_fleet_is_laid_out_as_its_file_says() {
    let fleet = read(GOOD).unwrap();
    let counts = Counts { sites: 1, racks: 3, nodes: 12, superchips: 0, gpus: 96 };
    assert_eq!(fleet.counts(), counts);
    let names: Vec<&str> = fleet.feeders.iter().map(|feeder| feeder.name.as_str()).collect();
    let expected = [
        "lyon",
        "lyon/h",
        "lyon/h/row-1",
        "lyon/h/row-1/rack-1",
        "lyon/h/row-1/rack-2",
        "lyon/h/row-2",
        "lyon/h/row-2/rack-3",
    ];
    assert_eq!(names, expected);
    let levels: Vec<Level> =
        fleet.path_of(NodeIdx(11)).map(|feeder| fleet.feeder(feeder).unwrap().level).collect();
    assert_eq!(levels, [Level::Rack, Level::Row, Level::Hall, Level::Site]);
    let domains: Vec<u32> = fleet.nodes.iter().map(|node| node.domain).collect();
    assert_eq!(domains, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    // 50 W + 80 % of the 350.5 W up to the limit.
    assert_eq!(fleet.classes[0].busy, MilliWatt(330_400));
    assert_eq!(fleet.feeders[0].allowed, Some(MilliWatt(18_500_000)));
    assert_eq!(fleet.sites[0].price.at(Time::ZERO), 92_500, "micro-euro per kWh");
    assert_eq!(fleet.failures.bad_nodes_milli, 25);
    assert_eq!(fleet.power_events[0].allowed, Some(MilliWatt(9_000_000)));
}

#[test]
fn the_examples_count_as_they_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/fleets");
    for (file, racks, nodes, superchips, gpus) in [
        ("laptop", 1, 1, 0, 1),
        ("gpus-18000", 250, 4_500, 9_000, 18_000),
        ("superchips-18000", 500, 9_000, 18_000, 36_000),
        ("campus-1400mw", 6_000, 108_000, 216_000, 432_000),
    ] {
        let text = std::fs::read_to_string(format!("{folder}/{file}.toml")).unwrap();
        let fleet = parse(file, &text, &|_| Ok(String::new())).unwrap();
        let counts = Counts { sites: 1, racks, nodes, superchips, gpus };
        assert_eq!((fleet.name.as_str(), fleet.counts()), (file, counts));
    }
}

#[test]
fn a_series_repeats_and_knows_its_next_change() {
    let series = Series::steps(DurationMicros(HOUR_MICROS), &[10, 20, 30]).unwrap();
    let at = |hours: u64| series.at(Time(hours * HOUR_MICROS));
    assert_eq!([at(0), at(1), at(2), at(3), at(7)], [10, 20, 30, 10, 20]);
    assert_eq!(series.next_change(Time(5)), Time(HOUR_MICROS));
    assert_eq!(series.next_change(Time(HOUR_MICROS)), Time(2 * HOUR_MICROS));
    assert_eq!(Series::constant(7).next_change(Time(5)), Time::NEVER);
    assert_eq!(Series::steps(DurationMicros(0), &[1]), None);
    assert_eq!(Series::steps(DurationMicros(1), &[]), None);
}

#[test]
fn a_series_is_read_from_its_file() {
    let text =
        GOOD.replace("g_per_kwh = 56", "g_per_kwh_file = \"carbon.csv\"\nfile_step = \"30m\"");
    let carbon = &read(&text).unwrap().sites[0].carbon;
    assert_eq!([carbon.at(Time(0)), carbon.at(Time(HOUR_MICROS / 2))], [10_000, 20_500]);
}

/// What is replaced, by what, and the error.
const BAD: &[(&str, &str, &str)] = &[
    (
        "count = 3",
        "cuont = 3",
        "fleet.toml, line 27, field `cuont`: is not a field of `racks`: expected one of ",
    ),
    (
        "count = 3",
        "count = -3",
        "fleet.toml, line 27, field `count`: invalid value: integer `-3`, expected u32",
    ),
    (
        "count = 3",
        "count = \"three\"",
        "fleet.toml, line 27, field `count`: invalid type: string \"three\", expected u32",
    ),
    ("count = 3", "count = 0", "fleet.toml, line 27, field `count`, value `0`: must be 1 or more"),
    (
        "count = 3",
        "count = 300000",
        "fleet.toml, line 27, field `count`, value `300000`: makes more than 1,000,000 nodes",
    ),
    ("count = 3\n", "", "fleet.toml, line 24, field `count`: `racks` needs it"),
    (
        "gpu = \"A\"",
        "gpu = \"H999\"",
        "fleet.toml, line 31, field `gpu`, value `H999`: is a GPU class that nobody defines; `[[gpu]]` defines A",
    ),
    (
        "site = \"lyon\"\nhall",
        "site = \"nice\"\nhall",
        "fleet.toml, line 25, field `site`, value `nice`: is no site of this file: it has lyon",
    ),
    (
        "hall = \"h\"",
        "hall = \"x\"",
        "fleet.toml, line 26, field `hall`, value `x`: is no `[[hall]]` of this site",
    ),
    (
        "nvlink_nodes = 2",
        "nvlink_nodes = 3",
        "fleet.toml, line 30, field `nvlink_nodes`, value `3`: must divide `nodes_per_rack`",
    ),
    (
        "pue = 1.25",
        "pue = 0.9",
        "fleet.toml, line 14, field `pue`, value `0.900`: is not between 1 and 10",
    ),
    (
        "pue = 1.25",
        "pue = 1.2345",
        "fleet.toml, line 14, field `pue`: `1.2345` has more than three decimals",
    ),
    (
        "pue = 1.25",
        "pue = -1",
        "fleet.toml, line 14, field `pue`: `-1` is negative: it must be zero or more",
    ),
    (
        "country = \"FR\"",
        "country = \"France\"",
        "fleet.toml, line 13, field `country`: `France` is not a country",
    ),
    (
        "allowed_kw = 18.5",
        "allowed_kw = 21",
        "fleet.toml, line 18, field `allowed_kw`, value `21.000`: is above what is contracted",
    ),
    (
        "idle_watts = 50",
        "idle_watts = 500",
        "fleet.toml, line 6, field `idle_watts`, value `500.000`: is above `tdp_watts`",
    ),
    (
        "node_mttr = \"6h\"\n",
        "",
        "fleet.toml, line 36, field `node_mttr`: `node_mtbf` and `node_mttr` go together",
    ),
    (
        "node_mtbf = \"90d\"",
        "node_mtbf = \"soon\"",
        "fleet.toml, line 37, field `node_mtbf`: `soon` is not a duration",
    ),
    (
        "feeder = \"lyon/h\"",
        "feeder = \"lyon/g\"",
        "fleet.toml, line 47, field `feeder`, value `lyon/g`: is no feeder",
    ),
    (
        "g_per_kwh = 56",
        "g_per_kwh_file = \"none.csv\"\nfile_step = \"1h\"",
        "fleet.toml, line 16, field `g_per_kwh_file`, value `none.csv`: cannot be read",
    ),
    (
        "g_per_kwh = 56",
        "g_per_kwh_file = \"broken.csv\"\nfile_step = \"1h\"",
        "broken.csv, line 2, field `value`, value `many`: is not a number",
    ),
    (
        "g_per_kwh = 56",
        "g_per_kwh_file = \"carbon.csv\"",
        "fleet.toml, line 11, field `file_step`: a file needs it",
    ),
    ("[[quota]]", "[[quotas]]", "fleet.toml, line 41, field `quotas`: is not a table of a fleet"),
    ("[failures]", "[[failures]]", "fleet.toml, line 36, field `failures`: write its header as"),
    ("name = \"A\"", "name = \"A", "fleet.toml, line 4: "),
    ("count = 3", "count = 3\ncount = 4", "fleet.toml, line 28: duplicate key: `count`"),
];

#[test]
fn what_is_wrong_is_named_with_line_and_field() {
    for (from, to, expected) in BAD {
        assert!(GOOD.contains(from), "`{from}` is not in the sample");
        let error = read(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "`{to}`:\n{error}\ninstead of\n{expected}");
    }
}

#[test]
fn a_file_without_a_node_is_no_fleet() {
    let error = read("name = \"empty\"").unwrap_err().to_string();
    assert_eq!(error, "fleet.toml: has no node: add `[[site]]` and `[[racks]]`");
    assert!(read("").unwrap_err().to_string().contains("field `name`"));
}
