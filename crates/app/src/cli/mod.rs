//! The command line: one file for each noun, one table of verbs, one way to end.
//!
//! A command reads or changes the platform through the API only; `up`, `audit --data`, `backup`,
//! `restore`, `simulate`, `bench` and `lm` work on this machine.

pub(crate) mod artefact;
mod audit;
mod backup;
mod bench;
mod budget;
mod capability;
mod capture;
mod carbon;
mod consent;
mod cost;
mod course;
mod dataset;
mod demo;
mod doctor;
mod endpoint;
mod erase;
mod events;
pub(crate) mod exit;
mod exit_data;
pub(crate) mod failure;
mod gateway;
mod group;
mod guardrail;
mod identity_provider;
pub(crate) mod input;
pub(crate) mod interrupt;
mod key;
mod login;
mod members;
mod model;
mod node;
mod organisation;
mod outcome;
mod people;
mod power;
mod price;
mod project;
mod queue;
mod quota;
mod rate_limit;
mod reserve;
mod role;
mod run;
mod service_account;
pub(crate) mod session;
mod sign_in;
mod simulate;
mod site;
mod sovereign;
mod submit;
mod up;
mod upstream;
mod user;
mod vault;
mod witness;
mod workload;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    lm_command,
    output::{Format, Output, say},
};
use failure::Failure;
use session::{Global, Session};

/// A sovereign AI cloud that you can run.
#[derive(Debug, Parser)]
#[command(name = "cocarde", version, max_term_width = 100)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(after_help = after_help())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

fn after_help() -> String {
    format!(
        "Examples:\n  cocarde demo\n  cocarde up\n  cocarde login http://127.0.0.1:7711\n  \
         cocarde apply -f examples/train.yaml --follow\n\n{}\n\
         Answers go to stdout, everything else to stderr. With `-o json` the last line of a \
         failure is a problem document.",
        exit::help()
    )
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Serve(Serving),
    Demo(demo::DemoArgs),
    Login(login::LoginArgs),
    Logout(sign_in::LogoutArgs),
    Whoami(sign_in::WhoamiArgs),
    Use(login::UseArgs),
    Doctor(doctor::DoctorArgs),
    Plan(submit::PlanArgs),
    Apply(submit::ApplyArgs),
    Run(Box<run::RunArgs>),
    Ps(workload::PsArgs),
    Logs(workload::LogsArgs),
    Stop(workload::StopArgs),
    Wait(workload::WaitArgs),
    Explain(workload::ExplainArgs),
    Queue(queue::QueueArgs),
    Gpus(queue::GpusArgs),
    Events(events::EventsArgs),
    Cost(cost::CostArgs),
    #[command(subcommand)]
    Org(organisation::Verb),
    #[command(subcommand)]
    Project(project::Verb),
    #[command(subcommand)]
    Guardrail(guardrail::Verb),
    #[command(subcommand)]
    Capture(capture::Verb),
    #[command(subcommand)]
    Key(key::Verb),
    #[command(flatten)]
    People(people::Verb),
    #[command(subcommand)]
    Budget(budget::Verb),
    #[command(subcommand)]
    Quota(quota::Verb),
    #[command(subcommand)]
    Limit(rate_limit::Verb),
    #[command(subcommand)]
    Reserve(reserve::Verb),
    #[command(subcommand)]
    Dataset(dataset::Verb),
    #[command(subcommand)]
    Model(model::Verb),
    #[command(subcommand)]
    Endpoint(endpoint::Verb),
    #[command(subcommand)]
    Upstream(upstream::Verb),
    #[command(subcommand)]
    Site(site::Verb),
    #[command(flatten)]
    Sovereign(sovereign::Noun),
    #[command(subcommand)]
    Node(node::Verb),
    Cordon(node::CordonArgs),
    Uncordon(node::UncordonArgs),
    Drain(node::DrainArgs),
    #[command(subcommand)]
    Power(power::Verb),
    #[command(subcommand)]
    Carbon(carbon::Verb),
    #[command(subcommand)]
    Price(price::Verb),
    #[command(subcommand)]
    Audit(audit::Verb),
    Export(exit_data::ExportArgs),
    Import(exit_data::ImportArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    #[command(subcommand)]
    Course(course::Verb),
    #[command(subcommand)]
    Erase(erase::Verb),
    #[command(subcommand)]
    Vault(vault::Verb),
    #[command(subcommand)]
    Simulate(simulate::Verb),
    #[command(subcommand)]
    Bench(bench::Verb),
    #[command(subcommand)]
    Lm(lm_command::Verb),
    /// Print what a shell needs to complete commands
    #[command(after_help = "Examples:
  cocarde completions bash > ~/.local/share/bash-completion/completions/cocarde
  cocarde completions zsh > ~/.zfunc/_cocarde")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Supervise one attempt of a workload; the engine starts it
    #[command(name = "__shim", hide = true)]
    Shim {
        folder: PathBuf,
    },
    /// Become one attempt of a workload; its supervisor starts it
    #[command(name = "__launch", hide = true)]
    Launch {
        folder: PathBuf,
    },
}

/// What runs until it is stopped.
#[derive(Debug, Subcommand)]
enum Serving {
    Up(Box<up::UpArgs>),
    Witness(witness::WitnessArgs),
    Gateway(gateway::GatewayArgs),
}

impl Serving {
    fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Up(args) => up::run(*args),
            Self::Witness(args) => witness::run(args),
            Self::Gateway(args) => gateway::run(args),
        }
    }
}

impl Cli {
    /// True for what runs until it is stopped, and so tells more about itself.
    pub(crate) const fn is_server(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }
}

/// Reads the command line; a mistake in it ends the program with exit code 2.
pub(crate) fn parse() -> Cli {
    Cli::parse()
}

/// Runs one command and says how it ended.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let session = Session::new(cli.global);
    dispatch(cli.command, &session).unwrap_or_else(|failure| end(&failure, session.output))
}

/// Says why a command did not do what was asked.
fn end(failure: &Failure, output: Output) -> ExitCode {
    if !failure.silent {
        // `say` adds the last line break.
        say(failure.text().trim_end());
        if output.format() == Format::Json {
            say(&failure.json().to_string());
        }
    }
    failure.exit.into()
}

/// The end of a command that has nothing else to say.
const fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

fn dispatch(command: Command, session: &Session) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(serving) => serving.run(),
        Command::Demo(args) => demo::run(args),
        Command::Login(args) => login::login(args, session).map(done),
        Command::Logout(args) => sign_in::logout(&args).map(done),
        Command::Whoami(sign_in::WhoamiArgs {}) => sign_in::whoami(session).map(done),
        Command::Use(args) => login::choose(&args, session).map(done),
        Command::Doctor(args) => doctor::run(args, session).map(ExitCode::from),
        Command::Plan(args) => submit::plan(&args, session).map(ExitCode::from),
        Command::Apply(args) => submit::apply(&args, session).map(ExitCode::from),
        Command::Run(args) => run::run(*args, session).map(ExitCode::from),
        Command::Ps(args) => workload::ps(&args, session).map(done),
        Command::Logs(args) => workload::logs(&args, session).map(done),
        Command::Stop(args) => workload::stop(args, session).map(done),
        Command::Wait(args) => workload::wait(&args, session).map(ExitCode::from),
        Command::Explain(args) => workload::explain(&args, session).map(done),
        Command::Queue(args) => queue::queue(&args, session).map(done),
        Command::Gpus(args) => queue::gpus(&args, session).map(done),
        Command::Events(args) => events::run(&args, session).map(done),
        Command::Cost(args) => cost::run(args, session).map(done),
        Command::Org(verb) => organisation::run(verb, session).map(done),
        Command::Project(verb) => project::run(verb, session).map(done),
        Command::Guardrail(verb) => guardrail::run(verb, session).map(done),
        Command::Capture(verb) => capture::run(verb, session).map(done),
        Command::Key(verb) => key::run(verb, session).map(done),
        Command::People(verb) => people::run(verb, session).map(done),
        Command::Quota(verb) => quota::run(verb, session).map(done),
        Command::Limit(verb) => rate_limit::run(verb, session).map(done),
        Command::Reserve(verb) => reserve::run(verb, session).map(done),
        Command::Budget(verb) => budget::run(verb, session).map(done),
        Command::Dataset(verb) => dataset::run(verb, session).map(done),
        Command::Model(verb) => model::run(verb, session).map(done),
        Command::Endpoint(verb) => endpoint::run(verb, session).map(done),
        Command::Upstream(verb) => upstream::run(verb, session).map(done),
        Command::Site(verb) => site::run(verb, session).map(done),
        Command::Sovereign(noun) => sovereign::run(noun, session).map(done),
        Command::Node(verb) => node::run(verb, session).map(done),
        Command::Cordon(args) => node::cordon(args, session).map(done),
        Command::Uncordon(args) => node::uncordon(&args, session).map(done),
        Command::Drain(args) => node::drain(args, session).map(done),
        Command::Power(verb) => power::run(verb, session).map(done),
        Command::Carbon(verb) => carbon::run(verb, session).map(done),
        Command::Price(verb) => price::run(verb, session).map(done),
        Command::Audit(verb) => audit::run(verb, session).map(ExitCode::from),
        Command::Export(args) => exit_data::export(&args, session).map(done),
        Command::Import(args) => exit_data::import(&args, session).map(done),
        Command::Backup(args) => backup::backup(&args, session).map(done),
        Command::Restore(args) => backup::restore(&args).map(done),
        Command::Course(verb) => course::run(verb, session).map(done),
        Command::Erase(verb) => erase::run(verb, session).map(done),
        Command::Vault(verb) => vault::run(verb, session).map(done),
        Command::Simulate(verb) => simulate::run(verb, session).map(ExitCode::from),
        Command::Bench(verb) => bench::run(verb, session).map(ExitCode::from),
        Command::Lm(verb) => lm_command::run(verb, session).map(ExitCode::from),
        Command::Completions { shell } => completions(shell).map(done),
        Command::Shim { folder } => Ok(exec::shim::run(&folder)),
        Command::Launch { folder } => Ok(exec::launch::run(&folder)),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cocarde", &mut script);
    crate::output::write_bytes(&script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
