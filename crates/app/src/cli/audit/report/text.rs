//! The report for a terminal: what keeps each score down comes before the tables.

use std::fmt::Write as _;

use api::nouns::sovereignty::{
    CriterionResult, CriterionStanding, FrameworkResult, PartResult, SovereigntyReport,
};

use super::{headline, kept_down, part_text};
use crate::output::{
    human::time,
    table::{Table, left, printable, right},
};

/// Writes it. Formatting to a String cannot fail.
pub(super) fn render(report: &SovereigntyReport) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Sovereignty of {} at {}: log of {} entries, root {}",
        printable(&report.origin),
        time(report.computed_at),
        report.as_of,
        printable(&report.root)
    );
    for framework in &report.frameworks {
        one(&mut text, framework);
    }
    let valid = report.evidence.iter();
    let valid = valid.filter(|one| one.state == api::nouns::evidence::EvidenceState::Valid).count();
    let _ = writeln!(
        text,
        "\n{} pieces of evidence on record, {valid} of them valid. All of it: `--format html`, `json` or `oscal`.",
        report.evidence.len()
    );
    text
}

fn one(text: &mut String, framework: &FrameworkResult) {
    let _ = writeln!(
        text,
        "\n{} {}: {}",
        printable(&framework.title),
        printable(&framework.version),
        headline(framework)
    );
    let down = kept_down(framework);
    let (hard, next): (Vec<_>, Vec<_>) =
        down.into_iter().partition(|(_, one)| one.standing == CriterionStanding::Refuted);
    if !hard.is_empty() {
        let _ = writeln!(text, "  Kept down whatever is recorded:");
        hard.iter().for_each(|(part, one)| line(text, part, one));
    }
    if !next.is_empty() {
        let levels = framework.level.is_some();
        let title = if levels { "Missing for the next level" } else { "Not met" };
        let _ = writeln!(text, "  {title}:");
        next.iter().for_each(|(part, one)| line(text, part, one));
    }
    let mut table =
        Table::new(&[left("  PART"), left("TITLE"), left("STANDS AT"), right("CRITERIA MET")]);
    for part in &framework.parts {
        let met = part.criteria.iter().filter(|one| one.standing == CriterionStanding::Met).count();
        table.row([
            format!("  {}", part.id),
            part.title.clone(),
            part_text(framework, part),
            format!("{met}/{}", part.criteria.len()),
        ]);
    }
    text.push_str(&table.render(false));
}

fn line(text: &mut String, part: &PartResult, one: &CriterionResult) {
    let _ = writeln!(
        text,
        "  - {} ({}): {}\n      {}",
        printable(&one.id),
        printable(&part.title),
        printable(&one.says),
        printable(&one.because)
    );
    for thing in &one.things {
        let _ = writeln!(text, "      · {}", printable(thing));
    }
}
