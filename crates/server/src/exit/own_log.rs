//! An organisation's own entries of the log, each with its proof against one checkpoint. Entries of
//! others are passed over unread.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::access::{Scope, covers};
use serde_json::json;
use store::LogView;
use units::{Id, kinds};

use crate::{http::visible::place_of, platform::Platform, tenants::Owners};

/// Rows read at a time.
const ROWS: usize = 1_024;

/// Writes `log/entries.jsonl` for the first `size` entries.
pub(super) fn write(
    (platform, owners): (&Platform, &Owners),
    home: Id<kinds::Organisation>,
    size: u64,
    out: &mut impl Write,
) -> io::Result<()> {
    let log: &LogView = platform.log();
    // What is gone from the state is still its owner's, here as in the list of entries.
    owners
        .read_up_to(log, size, |event| platform.read(|state| place_of(state, event).0))
        .map_err(io::Error::other)?;
    let mut next = 0_u64;
    while next < size {
        let rows = log.rows(next, ROWS).map_err(io::Error::other)?;
        let Some(last) = rows.last().map(|row| row.seq) else { break };
        next = last.saturating_add(1);
        let own = platform.read(|state| {
            let is_own = |row: &&store::Row| {
                let scope = owners.scope_of(state, row);
                scope.is_some_and(|scope| covers(state, Scope::Organisation(home), scope))
            };
            let rows = rows.iter().filter(|row| row.seq < size);
            rows.filter(is_own).cloned().collect::<Vec<_>>()
        });
        for row in own {
            let proof = log.inclusion(row.seq, size).map_err(io::Error::other)?;
            let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
            let line = json!({
                "index": row.seq, "leaf": STANDARD.encode(&row.leaf), "proof": proof,
            });
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}
