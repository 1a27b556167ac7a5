//! What is wrong with a list is named with line, field and value.

use std::io::Cursor;

use crate::twin::workload::{Format, read};

/// A list and what is said of it.
struct Case {
    format: Format,
    text: &'static str,
    error: &'static str,
}

const fn case(format: Format, text: &'static str, error: &'static str) -> Case {
    Case { format, text, error }
}

const OWN: &str = "job,submit_s,duration_s,nodes,gpus_per_node,gpu_milli,segment,after,within,limit_s,deadline_s,array,gpus,priority,gpu_time_s\n";

/// Rows below the header of [`OWN`].
const OWN_CASES: &[(&str, &str)] = &[
    (
        "a,-1,5,,,,,,,,,,,,\n",
        "list, line 2, field `submit_s`, value `-1`: is negative: it must be zero or more",
    ),
    (
        "a,1,-5,,,,,,,,,,,,\n",
        "list, line 2, field `duration_s`, value `-5`: is negative: it must be zero or more",
    ),
    (
        "a,soon,5,,,,,,,,,,,,\n",
        "list, line 2, field `submit_s`, value `soon`: is not a number: write digits, with a point before decimals",
    ),
    (",1,5,,,,,,,,,,,,\n", "list, line 2, field `job`: is empty: the job needs it"),
    ("a,1,5,,,,,,,,,,,,\nb,2\n", "list, line 3: has 2 columns instead of 15: the line is cut off"),
    (
        "a,1,5,,,,,,,,,,,,\na,2,5,,,,,,,,,,,,\n",
        "list, line 3, field `job`, value `a`: is the name of two jobs",
    ),
    (
        "a,1,5,0,1,,,,,,,,,,\n",
        "list, line 2, field `nodes`, value `0`: must be `n` or `min-max` with 1 ≤ min ≤ max ≤ 1,000,000",
    ),
    (
        "a,1,5,4-2,1,,,,,,,,,,\n",
        "list, line 2, field `nodes`, value `4-2`: must be `n` or `min-max` with 1 ≤ min ≤ max ≤ 1,000,000",
    ),
    ("a,1,5,1.5,1,,,,,,,,,,\n", "list, line 2, field `nodes`, value `1.5`: is not a whole number"),
    (
        "a,1,5,2,4,500,,,,,,,,,\n",
        "list, line 2, field `gpu_milli`, value `500`: a share is of one GPU: `gpus` must be 1",
    ),
    (
        "a,1,5,1,1,1001,,,,,,,,,\n",
        "list, line 2, field `gpu_milli`, value `1001`: must be at most 1000, a whole GPU",
    ),
    ("a,1,5,6,4,,4,,,,,,,,\n", "list, line 2, field `segment`, value `4`: must divide `nodes`"),
    (
        "a,1,5,,,,,,near,,,,,,\n",
        "list, line 2, field `within`, value `near`: write `require:` or `prefer:` and one of nvlink, rack, row, hall, site",
    ),
    (
        "a,9,5,,,,,,,,9,,,,\n",
        "list, line 2, field `deadline_s`, value `9`: is not after `submit_s`",
    ),
    (
        "a,9,5,,,,,,,0,,,,,\n",
        "list, line 2, field `limit_s`, value `0`: must be above zero: leave it empty",
    ),
    ("a,9,5,,,,,,,,,sweep,,,\n", "list, line 2, field `array`, value `sweep`: write `name:index`"),
    (
        "a,9,5,2,4,,,,,,,,8,,\n",
        "list, line 2, field `gpus`, value `8`: stands beside `nodes` or `gpus_per_node`: keep one way to say it",
    ),
    (
        "a,9,5,,,,,,,,,,,high,\n",
        "list, line 2, field `priority`, value `high`: is not a whole number from -2,147,483,648 to 2,147,483,647",
    ),
    (
        "a,9,5,,,,,,,,,,,,8\n",
        "list, line 2, field `gpu_time_s`, value `8`: stands beside `duration_s`: keep one of them",
    ),
];

const CASES: &[Case] = &[
    case(
        Format::Cocarde,
        "job,submit_s\na,1\n",
        "list, line 1, field `duration_s`: the header has no such column; it needs job, submit_s, duration_s",
    ),
    case(
        Format::Cocarde,
        "job,submit_s,duration_s,colour\na,1,2,red\n",
        "list, line 1, field `colour`: is no column of this format",
    ),
    case(Format::Cocarde, "job,submit_s,duration_s\n", "list: has no job"),
    case(
        Format::Openb,
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time\np,1,1,1,1000,,50,20\n",
        "list, line 2, field `deletion_time`, value `20`: is before the pod was created or scheduled",
    ),
    case(
        Format::Openb,
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time\np,1,1,2,500,,5,20\n",
        "list, line 2, field `gpu_milli`, value `500`: must be 1 to 1000 with one GPU, and 1000 with several",
    ),
    case(
        Format::Openb,
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time\np,1,1,1,1000,,5,20\nq,1,1,1\n",
        "list, line 3: has 4 columns instead of 8: the line is cut off",
    ),
    case(
        Format::Philly,
        "submit_time,duration_s,num_gpus,vc\n2017-13-01 00:00:00,5,1,a\n",
        "list, line 2, field `submit_time`, value `2017-13-01 00:00:00`: is no date: write `2017-10-09 07:01:55`",
    ),
    case(
        Format::Philly,
        "submit_time,duration_s,num_gpus,vc\n2017-10-01 00:00:00,-5,1,a\n",
        "list, line 2, field `duration_s`, value `-5`: is negative",
    ),
    case(
        Format::Muri,
        "job_id,num_gpu,submit_time,duration,batch_size\n1,,5,5,1\n",
        "list, line 2, field `num_gpu`: is empty: the job needs it",
    ),
    case(
        Format::Tiresias,
        "job_id,num_gpu,submit_time,duration\n1,2,x,5\n",
        "list, line 2, field `submit_time`, value `x`: is not a number",
    ),
    case(
        Format::Gavel,
        "LM\tcmd\tdir\t-s\t1\t10\t1\tgns\t1\t-1\t100\n",
        "list, line 1: has 11 columns instead of 12: the line is cut off",
    ),
    case(
        Format::Gavel,
        "LM\tcmd\tdir\t-s\t1\t10\t1\tgns\t1\t-1\t-100\t0\n",
        "list, line 1, field `duration`, value `-100`: is negative",
    ),
    case(
        Format::Pollux,
        "name,time,application,num_replicas\na,-3,bert,1\n",
        "list, line 2, field `time`, value `-3`: is negative",
    ),
    case(
        Format::Gaia,
        "arrival_h,length_h,cpus\n1,1,1\n2,,4\n",
        "list, line 3, field `length_h`, value ``: is not a number",
    ),
    case(
        Format::Gaia,
        "arrival_h,length_h,cpus\n1,1,2.5\n",
        "list, line 2, field `cpus`, value `2.5`: is not a whole number",
    ),
    case(
        Format::Swf,
        "1 0 1 10 4 -1 -1 4 10 -1 1 1 1 1 1 1 -1 -1\n2 5 1 10\n",
        "list, line 2: has 4 fields instead of 18: the line is cut off",
    ),
    case(
        Format::Swf,
        "1 -5 1 10 4 -1 -1 4 10 -1 1 1 1 1 1 1 -1 -1\n",
        "list, line 1, field `submit time`, value `-5`: is negative",
    ),
    case(
        Format::Swf,
        "1 -1 1 10 4 -1 -1 4 10 -1 1 1 1 1 1 1 -1 -1\n",
        "list, line 1, field `submit time`: is -1 (unknown): the job needs it",
    ),
    case(
        Format::Sacct,
        "JobID|Submit|Elapsed\n1|yesterday|00:10:00\n",
        "list, line 2, field `Submit`, value `yesterday`: is no date: write `2024-01-02T03:04:05`",
    ),
    case(
        Format::Sacct,
        "JobID|Submit|Elapsed\n1|2024-01-01T00:00:00|ten\n",
        "list, line 2, field `Elapsed`, value `ten`: is no time: write `1-02:03:04`",
    ),
    case(
        Format::Sacct,
        "JobID|Submit|Elapsed|ReqTRES\n1|2024-01-01T00:00:00|00:10:00|cpu=many\n",
        "list, line 2, field `ReqTRES`, value `cpu=many`: `cpu=many` is not `resource=number`",
    ),
    case(
        Format::Log,
        "{\"at\":1,\"actor\":\"system\"}\n",
        "list, line 1: not an entry of this version: missing field `event`",
    ),
    case(
        Format::Log,
        "{\"at\":1,\"actor\":\"system\",\"event\":{\"workload\":{\"ended\":{\"id\":\"job_01kav9ft0hfkebynzvz1gqvx2t\",\"outcome\":\"succeeded\"}}}}\n",
        "list, line 1, field `id`, value `job_01kav9ft0hfkebynzvz1gqvx2t`: was never submitted in this log",
    ),
];

#[test]
fn what_is_wrong_is_named_with_line_field_and_value() {
    let own =
        OWN_CASES.iter().map(|(rows, error)| (Format::Cocarde, format!("{OWN}{rows}"), *error));
    let others = CASES.iter().map(|case| (case.format, case.text.to_owned(), case.error));
    for (format, text, expected) in own.chain(others) {
        let source = Box::new(Cursor::new(text.clone().into_bytes()));
        let error = read("list", source, Some(format)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}\n{error}\ninstead of\n{expected}");
    }
}

#[test]
fn a_list_in_no_known_format_is_refused() {
    for (text, expected) in [
        ("", "list: is empty"),
        (
            "a,b\n1,2\n",
            "list, line 1, value `a,b`: is in no format that is known: name one with `--format`",
        ),
    ] {
        let source = Box::new(Cursor::new(text.as_bytes().to_vec()));
        assert_eq!(read("list", source, None).unwrap_err().to_string(), expected);
    }
}
