//! Checks of the job file: what is read, what is refused and how, and that it round-trips.

mod parts;

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::{decode, problem::Code};

/// The file of the design, with every part in use.
const FULL: &str = r#"
type: train
name: llm-7b
project: orange/nlp
image: ghcr.io/acme/train:1.4
nodes: 8..16
resources: { gpu: GB200:4, cpu: 64.., memory: 400GB.. }
topology: { within: nvlink, segment: 4, else: spine }
setup: pip install -r requirements.txt
run: torchrun --nnodes=$NNODES train.py
env: { EPOCHS: 3, MODE: "1.10" }
data: { /data: "dataset://nlp/corpus@v12", /base: "model://nlp/base" }
checkpoint: { path: /ckpt, signal: USR1, grace: 300s }
limits: { time: 24h, budget: 12000 EUR }
retry: { on: [preempted, node-failure, preempted], max: 5 }
residency: { countries: [FR, DE, FR], class: restricted }
outputs: { model: "registry://nlp/llm-7b" }
priority: -5
guaranteed: 1h
preemptible: true
after: { corpus: any, tokens: success }
deferrable: { until: 12h, deadline: "2027-03-01T08:00:00Z" }
power_class: flexible
"#;

const SMALL: &str = "type: batch\nname: a\nproject: o/p\nrun: 'true'\n";

fn resolved(text: &str) -> ResolvedJob {
    JobFile::parse(text.as_bytes()).unwrap().resolve().unwrap()
}

fn check_unreadable(texts: &[&str], expected: Expect) {
    let error = |text: &&str| JobFile::parse_all(text.as_bytes()).unwrap_err().to_string();
    expected.assert_eq(&texts.iter().map(error).collect::<Vec<_>>().join("\n"));
}

fn check_unresolved(change: &str, expected: Expect) {
    let job = JobFile::parse(format!("{SMALL}{change}").as_bytes()).unwrap();
    let errors = job.resolve().unwrap_err();
    let lines: Vec<String> =
        errors.iter().map(|error| format!("{}: {}", error.pointer, error.message)).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_full_file_is_read() {
    let job = resolved(FULL);
    assert_eq!((job.kind, job.nodes_min, job.nodes_max), (WorkloadKind::Train, 8, 16));
    assert_eq!(job.gpus.first.model.as_deref(), Some("GB200"));
    assert_eq!((job.gpus.first.count.0, job.cpu.least.0, job.cpu.open), (4, 64_000, true));
    assert_eq!((job.memory.least.0, job.memory.open), (400_000_000_000, true));
    assert_eq!(job.topology.segment, Some(4));
    assert_eq!(job.topology.otherwise, TopologyLevel::Spine);
    assert_eq!(job.environment.get("EPOCHS").map(String::as_str), Some("3"));
    assert_eq!(job.environment.get("MODE").map(String::as_str), Some("1.10"));
    assert_eq!(job.inputs["/data"].to_string(), "dataset://nlp/corpus@v12");
    assert_eq!(job.inputs["/base"].to_string(), "model://nlp/base");
    assert_eq!((job.checkpoint.signal, job.checkpoint.grace.as_secs()), (StopSignal::Usr1, 300));
    assert_eq!(job.budget.map(|b| b.0), Some(12_000_000_000));
    assert_eq!(job.retry.on, [RetryCause::NodeFailure, RetryCause::Preempted]);
    assert_eq!(job.residency.countries.len(), 2);
    assert_eq!(job.outputs.model.as_ref().unwrap().to_string(), "nlp/llm-7b");
    assert_eq!(job.priority, -5);
    assert_eq!((job.terms.preemptible, job.terms.guaranteed.as_secs()), (true, 3_600));
    assert_eq!(job.terms.after.len(), 2);
    assert_eq!(
        (job.terms.after[0].workload.to_string().as_str(), job.terms.after[0].on),
        ("corpus", DependencyEnd::Any)
    );
    assert_eq!(job.terms.power_class, PowerClass::Flexible);
    assert!(matches!(
        job.terms.deferrable,
        Some(Deferrable { until: Some(When::In(_)), deadline: Some(When::At(_)), .. })
    ));
    assert!(job.script().starts_with("pip install -r requirements.txt\ntorchrun"));
}

#[test]
fn every_default_is_filled_and_shown() {
    expect![[r"
        type: batch
        name: a
        project: o/p
        nodes: '1'
        resources:
          gpu: '0'
          cpu: '1'
          memory: 1GiB
          exclusive: false
        topology:
          within: site
          else: site
        run: 'true'
        checkpoint:
          signal: TERM
          grace: 30s
        limits:
          time: 86400s
        retry:
          on:
          - node-failure
          - preempted
          max: 0
        residency: {}
        outputs: {}
        priority: normal
        preemptible: true
        power_class: standard
    "]]
    .assert_eq(&resolved(SMALL).to_file().to_yaml().unwrap());
    let service = resolved(&SMALL.replace("batch", "service"));
    assert_eq!((service.time_limit, service.retry.max, service.retry.on.len()), (None, 100, 3));
}

#[test]
fn a_resolved_job_writes_a_file_of_the_same_job() {
    let gpus = ["'0.5'", "GB200|B200:4", "[GB200:4, H100:8]", "[GB200:4, 'H100|H200:8']", "0"];
    let all = parts::PROFILES.into_iter().chain(gpus);
    let gpus = all.map(|gpu| format!("{SMALL}resources: {{ gpu: {gpu}, exclusive: true }}\n"));
    let more = [
        "topology: { within: rack, segment: 2, else: site }\nnodes: 2",
        "array: 3-9:3%2\npriority: urgent",
        "array: 7\npriority: 7",
        "after: prepare",
        "after: [prepare, job_01kav9ft00e008000000008000]",
        "deferrable: { deadline: 90m }\nguaranteed: 500ms",
    ];
    let more = more.map(|text| format!("{SMALL}{text}\n"));
    let service = SMALL.replace("batch", "service");
    let texts = [FULL, SMALL, &service].map(str::to_owned);
    for text in texts.into_iter().chain(gpus).chain(more) {
        let text = text.as_str();
        let job = resolved(text);
        let yaml = job.to_file().to_yaml().unwrap();
        assert_eq!(resolved(&yaml), job, "{yaml}");
    }
}

#[test]
fn an_unknown_field_names_the_nearest_and_its_line() {
    check_unreadable(
        &[
            &format!("{SMALL}resorces: {{}}\n"),
            &format!("{SMALL}resources:\n  cpu: 1\n  memry: 1GB\n"),
            &format!("{SMALL}retry: {{ on: [preemption] }}\n"),
            &format!("{SMALL}---\n{SMALL}topology: {{ colour: red }}\n"),
        ],
        expect![[r#"
        line 5: `resorces`: unknown field `resorces`: did you mean `resources`?
        line 7: `resources.memry`: unknown field `memry`: did you mean `memory`?
        line 5: `retry.on.0`: `preemption` is not a known value: did you mean `preempted`?
        document 2, line 10: `topology.colour`: unknown field `colour`: use one of `within`, `segment`, `else`"#]],
    );
    let error = JobFile::parse(format!("{SMALL}resorces: 1\n").as_bytes()).unwrap_err();
    assert_eq!((error.code, error.field.pointer.as_str()), (Code::UnknownField, "/resorces"));
}

#[test]
fn a_wrong_shape_names_the_field() {
    check_unreadable(
        &[
            &SMALL.replace("batch", "trian"),
            &format!("{SMALL}resources: {{ cpu: true }}\n"),
            &format!("{SMALL}resources: 4\n"),
            &format!("{SMALL}env: {{ VERSION: 1.10 }}\n"),
            &format!("{SMALL}env:\n  A: 1\n  A: 2\n"),
            &format!("{SMALL}name: b\n"),
            "type: batch\nname: a\n",
            "type: [",
            "- a\n",
            "# nothing\n---\n",
        ],
        expect![[r#"
        line 1: `type`: `trian` is not a known value: did you mean `train`?
        line 5: `resources.cpu`: invalid type: boolean `true`, expected a whole number or a text; put other values in quotes
        line 5: `resources`: invalid type: integer `4`, expected a map such as `{ gpu: GB200:4, cpu: 64.., memory: 400GB }`
        line 5: `env.VERSION`: invalid type: floating point `1.1`, expected a whole number or a text; put other values in quotes
        line 6: `env`: `A` is given twice: keep one
        line 1: `name`: `name` is given twice: keep one
        line 1: `run`: the field `run` is missing: add it
        line 1: `type`: invalid type: sequence, expected one word
        line 1: invalid type: sequence, expected a job: a map with at least `type`, `name` and `run`
        the file holds no job: write at least `type`, `name` and `run`"#]],
    );
}

#[test]
fn a_wrong_value_names_field_value_and_remedy() {
    check_unresolved(
        "resources: { cpu: many, memory: 400, gpu: 'GB200:x' }",
        expect![[r#"
        /resources/gpu: `GB200:x` is not GPUs for each node, at most 256: write for example `4`, `GB200:4`, `GB200|B200:4`, `0.5` or `H100:1g.10gb`
        /resources/cpu: `many` is not a number of cores from 0.001 to 100000: write for example `4`, `0.5`, `500m` or `64..`
        /resources/memory: `400` is not a size with a unit up to 1PiB: write for example `400GB`, `16GiB` or `16GiB..`"#]],
    );
    check_unresolved(
        "nodes: 0\nport: 80\npriority: hgih\nretry: { max: 5000 }",
        expect![[r#"
        /nodes: `0` is not a number of nodes from 1 to 100000: write for example `16` or `8..16`
        /retry/max: `5000` is not a whole number from 0 to 1000
        /port: only `type: service` has a port: remove it
        /priority: `hgih` is not a priority: write `low`, `normal`, `high`, `urgent`, or a whole number from -1000 to 1000"#]],
    );
    check_unresolved(
        "data: { data: 'x', /a/../b: 'dataset://a/b@v0' }",
        expect![[r#"
        /data/~1a~1..~1b: `/a/../b` is not a mount path: write for example `/data`, without `..`
        /data/~1a~1..~1b: `a/b@v0` is not an artefact: write `project/name@v1`, or no `@v1` for the newest
        /data/data: `data` is not a mount path: write for example `/data`, without `..`
        /data/data: `x` is not an input: write `dataset://project/name@v1` or `model://project/name@v1`"#]],
    );
    check_unresolved(
        "env: { 1A: x, PORT: 1 }\nlimits: { time: 5, budget: -3 }",
        expect![[r#"
        /environment/1A: `1A`: a variable's name has letters, digits and `_`, and starts with no digit
        /environment/PORT: `PORT` is set by the platform: remove it
        /limits/time: `5` is not a duration: write for example `90s`, `30m`, `24h` or `7d`
        /limits/budget: `-3` is not an amount: write for example `12.50 EUR`"#]],
    );
    check_unresolved(
        "residency: { countries: [FRA], class: secret }\noutputs: { model: nlp/a }",
        expect![[r#"
            /residency/countries/0: `FRA` is not a country: use the two capital letters of ISO 3166-1, such as `FR`
            /residency/class: `secret` is not a data class: use `public`, `internal`, `confidential` or `restricted`
            /outputs/model: `nlp/a` is not an output: write `registry://project/name`, without a version"#]],
    );
    check_unresolved(
        "topology: { within: spine, else: node }\nimage: 'a b'",
        expect![[r#"
        /image: `a b` is not an image: write for example `ghcr.io/acme/train:1.4`
        /topology/else: `node` is closer than `spine`: swap them or remove `else`"#]],
    );
    let job = JobFile::parse(b"type: batch\nname: ../a\nrun: ' '\n").unwrap();
    let errors = job.resolve().unwrap_err();
    let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["/name", "/project", "/run"]);
}

#[test]
fn a_wrong_term_names_field_value_and_remedy() {
    check_unresolved(
        "array: 9-1\nafter: [a/b]\nguaranteed: soon\ndeferrable: { until: tomorrow }",
        expect![[r#"
            /guaranteed: `soon` is not a duration: write for example `90s`, `30m`, `24h` or `7d`
            /after: `a/b` is not a name or an id: write for example `orange`
            /array: `9-1` is not an array of 1 to 10000 tasks: write for example `0-99`, `0-99%10` for at most 10 at once, or `0-98:2` for each second
            /deferrable/until: `tomorrow` is neither a time nor a duration: write `2026-03-01T08:00:00Z` or `12h`"#]],
    );
    check_unresolved(
        "array: 0-9999999\nresources: { gpu: ['H100:2', '0.5'] }\ndeferrable: {}\nenv: { ARRAY_INDEX: 1 }",
        expect![[r#"
            /resources/gpu: `0.5` asks for another kind of share than the first: write whole GPUs everywhere, or the same share
            /environment/ARRAY_INDEX: `ARRAY_INDEX` is set by the platform: remove it
            /array: `0-9999999` is not an array of 1 to 10000 tasks: write for example `0-99`, `0-99%10` for at most 10 at once, or `0-98:2` for each second
            /deferrable: needs `until` or `deadline`, such as `{ until: 12h }`"#]],
    );
}

#[test]
fn a_file_may_hold_several_documents() {
    let text = format!("---\n# first\n{SMALL}---\n\n--- # last\n{SMALL}");
    assert_eq!(JobFile::parse_all(text.as_bytes()).unwrap().len(), 2);
    assert!(JobFile::parse(text.as_bytes()).is_err());
    let many = format!("---\n{SMALL}").repeat(DOCUMENTS_MAX + 1);
    assert_eq!(JobFile::parse_all(many.as_bytes()).unwrap_err().code, Code::PayloadTooLarge);
}

#[test]
fn limits_of_size_and_depth_hold() {
    let large = format!("{SMALL}setup: {}\n", "x".repeat(FILE_BYTES_MAX));
    assert_eq!(JobFile::parse(large.as_bytes()).unwrap_err().code, Code::PayloadTooLarge);
    let deep = format!("{SMALL}data: {}", "[".repeat(100_000));
    assert!(JobFile::parse(deep.as_bytes()).is_err());
    // Shapes that make a careless scanner's work grow with the square of the size.
    for part in
        ["[", "- ", "? ", "a: ", "&a ", "! ", "{a: ", "[a, ", "[']', ", "'", "\"", "#", "%", "*a, "]
    {
        let text = format!("{SMALL}data: {}", part.repeat(FILE_BYTES_MAX / part.len() - 40));
        assert!(JobFile::parse(text.as_bytes()).is_err(), "{part}");
        assert!(JobFile::parse(&text.as_bytes()[SMALL.len() + 6..]).is_err(), "{part}");
    }
    let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n";
    assert!(JobFile::parse(bomb.as_bytes()).is_err());
    assert!(JobFile::parse(b"\xff\xfe").is_err());
}

#[test]
fn json_is_read_by_the_same_struct() {
    let file = JobFile::parse(FULL.as_bytes()).unwrap();
    let text = serde_json::to_vec(&file).unwrap();
    assert_eq!(decode::json::<JobFile>(&text).unwrap(), file);
    let problem = decode::json::<JobFile>(br#"{"type":"batch","nmae":"a"}"#).unwrap_err();
    assert_eq!(problem.code(), Some(Code::UnknownField));
    assert_eq!(problem.errors[0].pointer, "/nmae");
    assert!(problem.detail.contains("did you mean `name`?"), "{}", problem.detail);
    let twice = decode::json::<JobFile>(b"{} {}").unwrap_err();
    assert_eq!(twice.code(), Some(Code::InvalidBody));
}

fn any_scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![any::<i64>().prop_map(Scalar::Integer), any_text().prop_map(Scalar::Text)]
}

/// Texts that YAML could take for something else are among them.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,20}",
        "[ -~\n\t]{0,30}",
        prop::sample::select(vec!["", "~", "true", "1e3", "0x1F", "- a", "# b", "---", "a: b"])
            .prop_map(str::to_owned),
    ]
}

prop_compose! {
    fn any_job()(
        kind in prop::sample::select(WorkloadKind::ALL),
        (name, run, setup) in (any_text(), any_text(), prop::option::of(any_text())),
        (nodes, port, priority) in prop::array::uniform3(prop::option::of(any_scalar())).prop_map(|[a, b, c]| (a, b, c)),
        cpu in prop::option::of(prop::option::of(any_scalar())),
        environment in prop::collection::btree_map(any_text(), any_scalar(), 0..4),
        data in prop::collection::btree_map(any_text(), any_text(), 0..4),
        after in prop::option::of(prop::collection::btree_map(any_text(), prop::sample::select(DependencyEnd::ALL), 0..3)),
        within in prop::option::of(prop::sample::select(TopologyLevel::ALL)),
        countries in prop::option::of(prop::collection::vec(any_text(), 0..3)),
    ) -> JobFile {
        JobFile {
            kind, name, run, setup, nodes, port, priority, environment, data,
            project: None,
            image: None,
            resources: cpu.map(|cpu| ResourcesText { cpu, ..ResourcesText::default() }),
            preemptible: None,
            guaranteed: None,
            after: after.map(AfterText::Mapped),
            array: None,
            deferrable: None,
            power_class: None,
            topology: Some(TopologyText { within, segment: None, otherwise: within }),
            checkpoint: None,
            limits: None,
            retry: Some(RetryText { on: Some(RetryCause::ALL.to_vec()), max: None }),
            residency: countries.map(|c| ResidencyText { countries: Some(c), class: None }),
            outputs: None,
        }
    }
}

proptest! {
    #[test]
    fn a_file_round_trips(job in any_job()) {
        let yaml = job.to_yaml().unwrap();
        prop_assert_eq!(JobFile::parse(yaml.as_bytes()).unwrap(), job.clone(), "{}", yaml);
        let json = serde_json::to_vec(&job).unwrap();
        prop_assert_eq!(decode::json::<JobFile>(&json).unwrap(), job);
    }

    #[test]
    fn raw_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = JobFile::parse_all(&bytes);
        let _ = decode::json::<JobFile>(&bytes);
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(at in 0..FULL.len(), with in "\\PC{0,8}", cut in 0usize..9) {
        let start: String = FULL.chars().take(at).collect();
        let end: String = FULL.chars().skip(at + cut).collect();
        let text = format!("{start}{with}{end}");
        if let Ok(jobs) = JobFile::parse_all(text.as_bytes()) {
            for job in jobs {
                let again = JobFile::parse(job.to_yaml().unwrap().as_bytes()).unwrap();
                prop_assert_eq!(&again, &job);
                let _ = job.resolve();
            }
        }
    }
}

#[test]
fn an_empty_environment_is_not_written() {
    let job = JobFile::parse(SMALL.as_bytes()).unwrap();
    assert_eq!(job.environment, BTreeMap::new());
    assert_eq!(job.to_yaml().unwrap(), SMALL);
}
