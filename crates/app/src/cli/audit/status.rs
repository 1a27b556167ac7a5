//! `audit status`: how far the log is, and how far its witnesses have confirmed it.

use api::{
    endpoint::Nothing,
    nouns::finality::{LogStatus, LogStatusGet},
};

use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    output::{
        human::{or_dash, time},
        table::{Table, left, right, state},
    },
};

/// Shows it. All of it is the platform's word, but each cosignature can be checked.
pub(super) fn run(session: &Session) -> Result<Exit, Failure> {
    let status = session.client()?.get::<LogStatusGet>(&Nothing {}, &Nothing {})?;
    session.output.show(&status, || {
        let mut table = Table::new(&[left("WITNESS"), state("STATE"), right("SIZE"), left("AT")]);
        for one in &status.witnesses {
            let size = or_dash(one.size.as_ref());
            let at = or_dash(one.cosigned_at.map(time).as_ref());
            table.row([one.name.clone(), one.state.clone(), size, at]);
        }
        table
            .note(format!("log {}: {} entries, root {}", status.origin, status.size, status.root))
            .note(finality(&status))
    })?;
    Ok(Exit::Ok)
}

fn finality(status: &LogStatus) -> String {
    match (status.quorum, status.final_size, status.final_at) {
        (0, _, _) => "it has no witnesses: nothing of it is final".to_owned(),
        (quorum, Some(size), Some(at)) => {
            format!("final up to entry {size}: {quorum} witnesses had agreed at {}", time(at))
        }
        (quorum, _, _) => format!("nothing is final yet: {quorum} witnesses must agree"),
    }
}
