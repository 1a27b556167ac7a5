//! `guardrail`: what is checked of what a project's endpoints are asked, and of what they answer.

use api::nouns::{
    common::IdPath,
    guardrail::{
        Guardrail, GuardrailAction, GuardrailChecker, GuardrailSide, GuardrailSize,
        GuardrailUnanswered, Guardrails, GuardrailsGet, GuardrailsNew, GuardrailsSet,
    },
};
use api::reference::Ref;
use units::{Id, Name, kinds};

use super::{
    failure::Failure,
    project,
    session::{Guard, Once, Session},
    upstream,
};
use crate::output::{
    human::{or_dash, word},
    table::{Table, left},
};

/// Guardrails: what is checked of questions to a project's models and of their answers
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde guardrail add no-iban --pattern 'FR\\d{2}[ 0-9A-Z]{10,27}' --action redact --project orange/nlp
  cocarde guardrail add short --on question --characters-max 20000 --action refuse
  cocarde guardrail add watch --checker moderator --timeout-ms 500 --action refuse --project orange/nlp
  cocarde guardrail remove no-iban
  cocarde endpoint calls

They are in force for the next request; a refusal names the guardrail and never what it matched.")]
pub(crate) enum Verb {
    /// List the project's guardrails in the order in which they are asked
    List,
    /// Add one after the others
    #[command(after_help = "Examples:
  cocarde guardrail add no-iban --pattern 'FR\\d{2}[ 0-9A-Z]{10,27}' --action redact --project orange/nlp
  cocarde upstream create moderator --site paris --url https://moderator.example.fr/v1 --model none --probe none --key --project orange/nlp < key.txt
  cocarde guardrail add watch --checker moderator --timeout-ms 500 --unanswered refuse --action refuse --project orange/nlp

A checker is an upstream that answers POST /v1/check. It says itself what is refused or replaced.")]
    Add(Box<AddArgs>),
    /// Remove one
    Remove {
        /// Its name
        name: Name,
        #[command(flatten)]
        once: Once,
    },
}

/// What a guardrail is made from.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Unique in the project; refusals name it
    name: Name,
    /// What it looks at
    #[arg(long, value_enum, default_value = "both")]
    on: SideArg,
    /// What happens when it matches
    #[arg(long, value_enum)]
    action: ActionArg,
    /// Only this endpoint, by id [default: all of the project]
    #[arg(long, value_name = "ID")]
    endpoint: Option<Id<kinds::Endpoint>>,
    /// A regular expression (Rust's `regex` crate: linear time, no look-around)
    #[arg(long, value_name = "REGEX", required_unless_present_any = ["bytes_max", "characters_max", "tokens_max", "messages_max", "checker"])]
    pattern: Option<String>,
    /// A service that is asked: an upstream that speaks the contract of checkers
    #[arg(long, value_name = "UPSTREAM", conflicts_with_all = ["pattern", "bytes_max", "characters_max", "tokens_max", "messages_max"])]
    checker: Option<Ref<kinds::Upstream>>,
    /// Longest time for the checker's answer, in milliseconds [default: 1000]
    #[arg(long, value_name = "MS", requires = "checker")]
    timeout_ms: Option<u32>,
    /// What happens to texts about which the checker gives no answer [default: refuse]
    #[arg(long, value_enum, requires = "checker")]
    unanswered: Option<UnansweredArg>,
    /// Characters of a streamed answer to hold back, so that a match of that length is never shown [default: 64],
    /// or to gather before a checker is asked [default: 256]
    #[arg(long, value_name = "CHARACTERS", conflicts_with_all = ["bytes_max", "characters_max", "tokens_max", "messages_max"])]
    window: Option<u32>,
    /// Most bytes of all texts
    #[arg(long, value_name = "BYTES", conflicts_with = "pattern")]
    bytes_max: Option<u64>,
    /// Most characters of all texts
    #[arg(long, value_name = "CHARACTERS", conflicts_with = "pattern")]
    characters_max: Option<u64>,
    /// Most tokens, estimated as a quarter of the bytes
    #[arg(long, value_name = "TOKENS", conflicts_with = "pattern")]
    tokens_max: Option<u64>,
    /// Most messages of a question
    #[arg(long, value_name = "MESSAGES", conflicts_with = "pattern")]
    messages_max: Option<u64>,
    #[command(flatten)]
    once: Once,
}

/// What it looks at.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum SideArg {
    /// What is asked
    Question,
    /// What is answered
    Answer,
    /// Both
    Both,
}

/// What happens.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ActionArg {
    /// The question is refused, the answer ends
    Refuse,
    /// What matched is replaced
    Redact,
    /// It is counted and passes
    Report,
}

/// What happens without an answer.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum UnansweredArg {
    /// They are refused with 503
    Refuse,
    /// They pass and are counted
    Pass,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let path = IdPath { id: project::find(session, &session.project_required()?)? };
    let known = session.read::<GuardrailsGet>(&path)?;
    let (guardrails, once) = match verb {
        Verb::List => return show(session, &known),
        Verb::Add(args) => {
            let once = args.once.clone();
            let mut guardrails = known.guardrails;
            let checker = args.checker.as_ref().map(|name| upstream::find(session, name));
            guardrails.push(guardrail(*args, checker.transpose()?));
            (guardrails, once)
        }
        Verb::Remove { name, once } => {
            let mut guardrails = known.guardrails;
            let before = guardrails.len();
            guardrails.retain(|one| one.name != name);
            if guardrails.len() == before {
                return Err(Failure::not_found(format!("there is no guardrail `{name}`"))
                    .remedy("`cocarde guardrail list` shows those of the project"));
            }
            (guardrails, once)
        }
    };
    // Whoever has changed them meanwhile is not overwritten.
    let guard = Guard { once, if_match: Some(known.version) };
    let set = session.change::<GuardrailsSet>(&path, &GuardrailsNew { guardrails }, &guard)?;
    show(session, &set)
}

fn guardrail(args: AddArgs, checker: Option<Id<kinds::Upstream>>) -> Guardrail {
    let checker = checker.map(|upstream| GuardrailChecker {
        upstream,
        timeout_ms: args.timeout_ms,
        unanswered: args.unanswered.map(|unanswered| match unanswered {
            UnansweredArg::Refuse => GuardrailUnanswered::Refuse,
            UnansweredArg::Pass => GuardrailUnanswered::Pass,
        }),
        window_chars: args.window,
        is_allowed: None,
    });
    let size = GuardrailSize {
        bytes_max: args.bytes_max,
        characters_max: args.characters_max,
        tokens_max: args.tokens_max,
        messages_max: args.messages_max,
    };
    Guardrail {
        name: args.name,
        endpoint: args.endpoint,
        side: match args.on {
            SideArg::Question => GuardrailSide::Question,
            SideArg::Answer => GuardrailSide::Answer,
            SideArg::Both => GuardrailSide::Both,
        },
        action: match args.action {
            ActionArg::Refuse => GuardrailAction::Refuse,
            ActionArg::Redact => GuardrailAction::Redact,
            ActionArg::Report => GuardrailAction::Report,
        },
        size: Some(size).filter(|_| args.pattern.is_none() && checker.is_none()),
        pattern: args.pattern,
        window_chars: args.window.filter(|_| checker.is_none()),
        checker,
    }
}

fn show(session: &Session, guardrails: &Guardrails) -> Result<(), Failure> {
    session.output.show(guardrails, || {
        let columns = [left("NAME"), left("ON"), left("ACTION"), left("ENDPOINT"), left("RULE")];
        let mut table = Table::new(&columns);
        for one in &guardrails.guardrails {
            table.row([
                one.name.to_string(),
                word(&one.side),
                word(&one.action),
                or_dash(one.endpoint.as_ref()),
                rule(one),
            ]);
        }
        table
    })
}

fn rule(one: &Guardrail) -> String {
    if let Some(pattern) = &one.pattern {
        return format!("/{pattern}/ window {}", one.window_chars.unwrap_or(0));
    }
    if let Some(checker) = &one.checker {
        let (ms, window) = (checker.timeout_ms.unwrap_or(0), checker.window_chars.unwrap_or(0));
        let unanswered = checker.unanswered.as_ref().map_or_else(String::new, word);
        return format!(
            "asks {} within {ms} ms, else {unanswered}; window {window}",
            checker.upstream
        );
    }
    let size = one.size.unwrap_or_default();
    let limits = [
        (size.bytes_max, "bytes"),
        (size.characters_max, "characters"),
        (size.tokens_max, "tokens"),
        (size.messages_max, "messages"),
    ];
    let limits = limits.iter().filter_map(|(limit, what)| Some(format!("{} {what}", (*limit)?)));
    format!("at most {}", limits.collect::<Vec<_>>().join(", "))
}
