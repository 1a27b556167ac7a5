//! `simulate formats`: what a list of jobs may look like, and which policies there are.

use serde_json::json;
use sim::twin::{policies, workload::Format};

use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    output::table::{Table, left},
};

/// Runs the verb.
pub(super) fn run(session: &Session) -> Result<Exit, Failure> {
    let items: Vec<_> = Format::ALL
        .into_iter()
        .map(|format| {
            json!({ "format": format.as_str(), "about": format.about(), "columns": format.columns() })
        })
        .collect();
    session.output.show(&json!({ "items": items, "policies": policies::NAMES }), || {
        let mut table = Table::new(&[left("FORMAT"), left("ABOUT"), left("COLUMNS")]);
        for format in Format::ALL {
            let texts = [format.as_str(), format.about(), format.columns()];
            table.row(texts.map(ToOwned::to_owned));
        }
        table.note(format!(
            "formats are recognised; `.gz` is unpacked; policies: {}",
            policies::NAMES.join(", ")
        ))
    })?;
    Ok(Exit::Ok)
}
