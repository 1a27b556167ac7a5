//! The report as one page: no script, no network, fit to print. What keeps each score down comes first.
//!
//! Must never write a text of the report without escaping it.

use std::fmt;

use api::nouns::{
    evidence::Evidence,
    sovereignty::{
        CriterionResult, CriterionStanding, FrameworkResult, PartResult, SovereigntyReport,
    },
};

use super::{headline, kept_down, part_text, standing_text};
use crate::output::human::{or_dash, time, word};

const STYLE: &str = "
body{font:15px/1.45 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.7rem;margin-bottom:.2rem}h2{margin-top:2.4rem;border-bottom:2px solid #1a3a8f}h3{margin:1.4rem 0 .3rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #ddd}
.result{font-size:1.25rem;font-weight:600}.hard,.down{padding:.4rem .8rem;margin:.5rem 0;border-left:.35rem solid #c9a400;background:#fdf8e3}
.hard{border-color:#b3261e;background:#fdeceb}.met{color:#17692f}.no{color:#b3261e}code{font-size:.86em;overflow-wrap:anywhere}
.small{color:#555;font-size:.88em}li{margin:.25rem 0}
@media print{body{margin:0;max-width:none;font-size:11px}h2{break-before:page}h2.first{break-before:auto}tr,li{break-inside:avoid}}
";

/// Text that cannot become markup.
struct Safe<'a>(&'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // What is neither text nor a break could hide something.
                c if c.is_control() && c != '\n' => f.write_str("\u{fffd}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// Writes the page.
pub(super) fn render(report: &SovereigntyReport) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Sovereignty of {0}</title>\
         <style>{STYLE}</style></head><body>\n<h1>Sovereignty of {0}</h1>\n",
        Safe(&report.origin)
    );
    page.push_str(&head(report));
    for (at, framework) in report.frameworks.iter().enumerate() {
        page.push_str(&result(framework, at == 0));
    }
    page.push_str("<h2>All criteria</h2>\n");
    for framework in &report.frameworks {
        page.push_str(&criteria(framework));
    }
    page.push_str(&evidence(&report.evidence));
    page.push_str("</body></html>\n");
    page
}

fn head(report: &SovereigntyReport) -> String {
    let fin = report.final_size.map_or_else(
        || "no witnesses have confirmed the log".to_owned(),
        |size| format!("witnesses have confirmed its first {size} entries"),
    );
    let rows: String = report
        .frameworks
        .iter()
        .map(|one| {
            format!(
                "<tr><td>{} {}</td><td class=\"result\">{}</td></tr>\n",
                Safe(&one.title),
                Safe(&one.version),
                Safe(&headline(one))
            )
        })
        .collect();
    format!(
        "<p class=\"small\">Computed {} by {} from a log of {} entries with root <code>{}</code>; {fin}. \
         Evidence is on record by digest; what nobody has shown counts as not met.</p>\n<table>{rows}</table>\n",
        Safe(&time(report.computed_at)),
        Safe(&report.software),
        report.as_of,
        Safe(&report.root)
    )
}

/// What keeps a score down, then the parts.
fn result(framework: &FrameworkResult, is_first: bool) -> String {
    let class = if is_first { " class=\"first\"" } else { "" };
    let mut text = format!(
        "<h2{class}>{} {}</h2>\n<p class=\"result\">{}</p>\n",
        Safe(&framework.title),
        Safe(&framework.version),
        Safe(&headline(framework))
    );
    let down = kept_down(framework);
    let (hard, next): (Vec<_>, Vec<_>) =
        down.into_iter().partition(|(_, one)| one.standing == CriterionStanding::Refuted);
    let title = if framework.level.is_some() { "Missing for the next level" } else { "Not met" };
    let groups = [("hard", "Kept down whatever is recorded", hard), ("down", title, next)];
    for (class, title, items) in groups.iter().filter(|(_, _, items)| !items.is_empty()) {
        let items: String = items.iter().map(|(part, one)| obstacle(part, one)).collect();
        text.push_str(&format!(
            "<div class=\"{class}\"><strong>{title}</strong>\n<ul>{items}</ul></div>\n"
        ));
    }
    text.push_str(
        "<table><tr><th>Part</th><th>Stands at</th><th>Criteria met</th><th>Weight</th></tr>\n",
    );
    for part in &framework.parts {
        let met = part.criteria.iter().filter(|one| one.standing == CriterionStanding::Met).count();
        let weight = if part.weight_percent == 0 {
            "-".to_owned()
        } else {
            format!("{} %", part.weight_percent)
        };
        text.push_str(&format!(
            "<tr><td>{} {}</td><td>{}</td><td>{met} of {}</td><td>{weight}</td></tr>\n",
            Safe(&part.id),
            Safe(&part.title),
            Safe(&part_text(framework, part)),
            part.criteria.len()
        ));
    }
    text.push_str(&format!(
        "</table>\n<p class=\"small\">Source: {}. {}</p>\n",
        Safe(&framework.source),
        Safe(&framework.reading)
    ));
    text
}

fn obstacle(part: &PartResult, one: &CriterionResult) -> String {
    let things = things(one);
    format!(
        "<li><strong>{} {}</strong>: {} <span class=\"small\"><code>{}</code></span><br>{}{things}</li>\n",
        Safe(&part.id),
        Safe(&part.title),
        Safe(&one.says),
        Safe(&one.id),
        Safe(&one.because)
    )
}

fn things(one: &CriterionResult) -> String {
    if one.things.is_empty() {
        return String::new();
    }
    let items: String =
        one.things.iter().map(|thing| format!("<li>{}</li>", Safe(thing))).collect();
    format!("<ul>{items}</ul>")
}

fn criteria(framework: &FrameworkResult) -> String {
    let mut text = format!("<h3>{}</h3>\n<table>\n", Safe(&framework.title));
    text.push_str("<tr><th>Criterion</th><th>Asks for</th><th>Stands</th><th>Why</th></tr>\n");
    for one in framework.parts.iter().flat_map(|part| &part.criteria) {
        let class = if one.standing == CriterionStanding::Met { "met" } else { "no" };
        let entries: Vec<String> = one.entries.iter().map(ToString::to_string).collect();
        let entries = if entries.is_empty() {
            String::new()
        } else {
            format!(" <span class=\"small\">Log entries {}.</span>", entries.join(", "))
        };
        text.push_str(&format!(
            "<tr><td><code>{}</code></td><td>{}</td><td class=\"{class}\">{}</td><td>{}{}{entries}</td></tr>\n",
            Safe(&one.id),
            Safe(&one.says),
            standing_text(one.standing),
            Safe(&one.because),
            things(one)
        ));
    }
    text.push_str("</table>\n");
    text
}

fn evidence(all: &[Evidence]) -> String {
    let mut text = "<h2>Evidence on record</h2>\n".to_owned();
    if all.is_empty() {
        text.push_str("<p>None.</p>\n");
        return text;
    }
    text.push_str(
        "<table><tr><th>Criterion</th><th>Kind</th><th>Issuer</th><th>State</th><th>Until</th>\
         <th>Document (SHA-256)</th><th>Entry</th></tr>\n",
    );
    for one in all {
        text.push_str(&format!(
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td></tr>\n",
            Safe(&one.criterion),
            Safe(&word(&one.kind)),
            Safe(one.issuer_name.as_str()),
            Safe(&word(&one.state)),
            Safe(&or_dash(one.valid_until.map(time))),
            Safe(&one.document.hex()),
            one.recorded_seq
        ));
    }
    text.push_str("</table>\n");
    text
}
