//! `audit report`: how far the platform meets the criteria of sovereignty, and what keeps it down.
//!
//! The figures are the platform's; `interop/check_oscal.py` computes them again from the criteria and
//! the evidence. Each form is made of the same report, and of nothing else.

mod html;
mod oscal;
mod text;

use std::{fs, path::PathBuf};

use api::{
    endpoint::Nothing,
    nouns::sovereignty::{
        CriterionResult, CriterionStanding, FrameworkResult, PartResult, PartStanding, ScoreScale,
        SovereigntyReportGet,
    },
};

use crate::{
    cli::{exit::Exit, failure::Failure, input, session::Session},
    output::{Format, say, write_bytes},
};

/// Largest saved report that is read, in bytes.
const REPORT_BYTES_MAX: u64 = 64 << 20;

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// For a terminal
    Text,
    /// One page that needs nothing else, to read or print
    Html,
    /// As the API gives it
    Json,
    /// OSCAL assessment results, for tools of auditors
    Oscal,
}

/// Which report, in which form.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde audit report
  cocarde audit report --format html --out report.html
  cocarde audit report --format oscal --out assessment-results.json
  cocarde audit report --from report.json --format html --out report.html")]
pub(crate) struct ReportArgs {
    /// The form; without it text, or what `-o` asks for
    // Its id must not be that of `-o`, which every verb takes.
    #[arg(long = "format", value_name = "FORM")]
    form: Option<Form>,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Make it of a report that was saved with `--format json`; no platform is asked
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Writes the report.
pub(super) fn run(args: &ReportArgs, session: &Session) -> Result<Exit, Failure> {
    let report = match &args.from {
        None => session.read::<SovereigntyReportGet>(&Nothing {})?,
        Some(file) => {
            let bytes = input::bytes(file, REPORT_BYTES_MAX)?;
            serde_json::from_slice(&bytes).map_err(|error| {
                Failure::invalid(format!("`{}` is no saved report: {error}", file.display()))
                    .remedy("save one with `cocarde audit report --format json --out FILE`")
            })?
        }
    };
    let text = match (args.form, session.output.format()) {
        (Some(Form::Text), _) | (None, Format::Table) => text::render(&report),
        (Some(Form::Html), _) => html::render(&report),
        (Some(Form::Oscal), _) => pretty(&oscal::render(&report)?)?,
        (Some(Form::Json), _) | (None, Format::Json) => pretty(&report)?,
        (None, Format::Yaml) => serde_norway::to_string(&report).map_err(|e| unwritable(&e))?,
    };
    match &args.out {
        None => write_bytes(text.as_bytes())?,
        Some(path) => {
            fs::write(path, text).map_err(|error| Failure::file("write", path, &error))?;
            say(&format!("report written to `{}`", path.display()));
        }
    }
    Ok(Exit::Ok)
}

fn pretty<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| unwritable(&e))?;
    Ok(format!("{text}\n"))
}

fn unwritable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, format!("the report cannot be written: {error}"))
}

/// What keeps a framework's score down, in the order of the report.
fn kept_down(framework: &FrameworkResult) -> Vec<(&PartResult, &CriterionResult)> {
    let all =
        || framework.parts.iter().flat_map(|part| part.criteria.iter().map(move |one| (part, one)));
    let found = |id: &String| all().find(|(_, one)| one.id == *id);
    framework.kept_down_by.iter().filter_map(found).collect()
}

/// The result in a few words, such as `SEAL-2, score 41.20 %`.
fn headline(framework: &FrameworkResult) -> String {
    let level = framework.level.unwrap_or(0);
    match framework.scale {
        ScoreScale::Seal => {
            format!("SEAL-{level}, score {}", percent(framework.score_bp.unwrap_or(0)))
        }
        ScoreScale::Levels if level == 0 => "no level".to_owned(),
        ScoreScale::Levels => format!("level {level}"),
        ScoreScale::Checklist => format!(
            "{} met, {} partly, {} not met",
            framework.n_met, framework.n_partly, framework.n_not_met
        ),
    }
}

/// Hundredths of a percent as percent.
fn percent(bp: u32) -> String {
    format!("{}.{:02} %", bp / 100, bp % 100)
}

/// Where a part stands, in a word.
fn part_text(framework: &FrameworkResult, part: &PartResult) -> String {
    match (framework.scale, part.level) {
        (ScoreScale::Seal, Some(level)) => format!("SEAL-{level}"),
        (ScoreScale::Seal | ScoreScale::Levels | ScoreScale::Checklist, _) => match part.standing {
            PartStanding::Met => "met".to_owned(),
            PartStanding::Partly => "partly met".to_owned(),
            PartStanding::NotMet => "not met".to_owned(),
        },
    }
}

const fn standing_text(standing: CriterionStanding) -> &'static str {
    match standing {
        CriterionStanding::Met => "met",
        CriterionStanding::NotSo => "not so",
        CriterionStanding::NotShown => "not shown",
        CriterionStanding::Lapsed => "lapsed",
        CriterionStanding::TooWeak => "not enough",
        CriterionStanding::Refuted => "refuted",
    }
}

#[cfg(test)]
mod tests;
