//! `run`: a batch job from the command line.

use std::{collections::BTreeMap, path::Path};

use api::{
    endpoint::Nothing,
    job_file::{
        AfterText, JobFile, LimitsText, OneOrMany, ResidencyText, ResourcesText, Scalar,
        WorkloadKind,
    },
    nouns::workload::WorkloadCreate,
};
use units::Name;

use super::{
    exit::Exit,
    failure::Failure,
    outcome::{self, After},
    session::{Guard, Once, Session},
    submit,
};

/// Submit a command as a batch job
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde run --project orange/nlp -- echo hello
  cocarde run --cpu 2 --memory 4GiB --follow -- sh -c 'nproc && free -g'
  cocarde run --gpu 1 --image ghcr.io/acme/train:1.4 --data /data=dataset://nlp/corpus@v1 \\
      --wait -- python train.py")]
pub(crate) struct RunArgs {
    /// Name of the workload [default: the command's name]
    #[arg(long)]
    name: Option<Name>,
    /// Cores on each node, such as `4`, `0.5` or `64..`
    #[arg(long, value_name = "CORES")]
    cpu: Option<String>,
    /// Memory on each node, such as `16GiB`
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// GPUs on each node, such as `4` or `GB200:4`
    #[arg(long, value_name = "MODEL:COUNT")]
    gpu: Option<String>,
    /// Nodes, such as `16` or `8..16`
    #[arg(long, value_name = "COUNT")]
    nodes: Option<String>,
    /// Container image; a plain process if absent
    #[arg(long)]
    image: Option<String>,
    /// Environment variable; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    environment: Vec<(String, String)>,
    /// Read-only input; may be repeated
    #[arg(long, value_name = "MOUNT=REFERENCE", value_parser = pair)]
    data: Vec<(String, String)>,
    /// Country where it may run; may be repeated
    #[arg(long = "country", value_name = "COUNTRY")]
    countries: Vec<String>,
    /// Class of what it handles
    #[arg(long)]
    class: Option<String>,
    /// Longest run, such as `2h`
    #[arg(long, value_name = "DURATION")]
    time: Option<String>,
    /// Most that it may cost, such as `5 EUR`
    #[arg(long, value_name = "AMOUNT")]
    budget: Option<String>,
    /// `low`, `normal`, `high`, `urgent`, or a number
    #[arg(long, value_name = "CLASS")]
    priority: Option<String>,
    /// Start once this workload has succeeded; may be repeated
    #[arg(long = "after", value_name = "WORKLOAD")]
    after_jobs: Vec<String>,
    /// Many tasks that differ in ARRAY_INDEX, such as `0-99%10`
    #[arg(long, value_name = "RANGE")]
    array: Option<String>,
    #[command(flatten)]
    after: After,
    #[command(flatten)]
    once: Once,
    /// The command and its arguments, after `--`
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write `NAME=VALUE`")?;
    if name.is_empty() {
        return Err("the name before `=` is empty".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Submits the command.
pub(crate) fn run(args: RunArgs, session: &Session) -> Result<Exit, Failure> {
    let (after, once) = (args.after.clone(), args.once.clone());
    let mut job = job(args)?;
    let project = session.project_required()?.to_string();
    submit::check(&mut job, Some(&project))?;
    let workload = session.change::<WorkloadCreate>(&Nothing {}, &job, &Guard::once(once))?;
    let workloads = [workload];
    submit::show(session, &workloads)?;
    outcome::after(session, &workloads, &after)
}

fn job(args: RunArgs) -> Result<JobFile, Failure> {
    let scalar = |text: Option<String>| text.map(Scalar::from);
    let some = args.cpu.is_some() || args.memory.is_some() || args.gpu.is_some();
    let limits = args.time.is_some() || args.budget.is_some();
    let residency = args.class.is_some() || !args.countries.is_empty();
    let environment = unique(args.environment, "--env")?;
    Ok(JobFile {
        kind: WorkloadKind::Batch,
        name: args.name.map_or_else(|| name_of(&args.command), |name| name.to_string()),
        project: None,
        image: args.image,
        nodes: scalar(args.nodes),
        resources: some.then(|| ResourcesText {
            gpu: args.gpu.map(OneOrMany::from),
            cpu: scalar(args.cpu),
            memory: scalar(args.memory),
            exclusive: None,
        }),
        topology: None,
        setup: None,
        run: args.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        environment: environment.into_iter().map(|(k, v)| (k, Scalar::from(v))).collect(),
        data: unique(args.data, "--data")?,
        checkpoint: None,
        limits: limits.then(|| LimitsText { time: args.time, budget: scalar(args.budget) }),
        retry: None,
        residency: residency.then(|| ResidencyText {
            countries: (!args.countries.is_empty()).then_some(args.countries),
            class: args.class,
        }),
        outputs: None,
        port: None,
        priority: scalar(args.priority),
        preemptible: None,
        guaranteed: None,
        after: (!args.after_jobs.is_empty()).then_some(AfterText::Listed(args.after_jobs)),
        array: scalar(args.array),
        deferrable: None,
        power_class: None,
    })
}

fn unique(pairs: Vec<(String, String)>, flag: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut map = BTreeMap::new();
    for (name, value) in pairs {
        if map.insert(name.clone(), value).is_some() {
            return Err(Failure::usage(format!("`{flag}` names `{name}` twice: keep one")));
        }
    }
    Ok(map)
}

/// The command's file name as far as it is a name.
fn name_of(command: &[String]) -> String {
    let program = command.first().map(Path::new).and_then(Path::file_name);
    let text = program.map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = text.chars().map(allowed).take(Name::MAX_BYTES).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "run".to_owned() } else { name.to_owned() }
}

/// A word that the shell reads as exactly this text (POSIX.1-2024 XCU §2.2.2).
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_reads_back_what_was_typed() {
        for (word, text) in [
            ("a-b=c", "a-b=c"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quoted(word), text);
        }
        let words = ["it's $HOME", "", "a\nb", "*"];
        let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let script = format!("printf '%s|' {}", line.join(" "));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "it's $HOME||a\nb|*|");
    }

    #[test]
    fn a_workload_is_named_after_its_command() {
        for (command, name) in
            [("/usr/bin/Python3.12", "python3-12"), ("...", "run"), ("échec", "chec")]
        {
            assert_eq!(name_of(&[command.to_owned()]), name);
        }
        assert_eq!(name_of(&[]), "run");
    }

    #[test]
    fn a_variable_is_given_once() {
        assert_eq!(pair("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert!(pair("A").is_err() && pair("=b").is_err());
        let twice = vec![("A".to_owned(), "1".to_owned()), ("A".to_owned(), "2".to_owned())];
        assert_eq!(unique(twice, "--env").unwrap_err().exit, Exit::Usage);
    }
}
