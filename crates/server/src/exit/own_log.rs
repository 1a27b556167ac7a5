//! An organisation's own entries of the log, each with its proof against one checkpoint. Entries of
//! others are passed over unread.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::Entry;
use serde_json::json;
use store::LogView;
use units::{Id, kinds};

use crate::{http, platform::Platform};

/// Rows read at a time.
const ROWS: usize = 1_024;

/// Writes `log/entries.jsonl` for the first `size` entries.
pub(super) fn write(
    platform: &Platform,
    home: Id<kinds::Organisation>,
    size: u64,
    out: &mut impl Write,
) -> io::Result<()> {
    let log: &LogView = platform.log();
    let mut next = 0_u64;
    while next < size {
        let rows = log.rows(next, ROWS).map_err(io::Error::other)?;
        let Some(last) = rows.last().map(|row| row.seq) else { break };
        next = last.saturating_add(1);
        for row in rows.iter().filter(|row| row.seq < size) {
            let entry = Entry::from_leaf(&row.leaf).map_err(io::Error::other)?;
            if !platform.read(|state| http::is_of_organisation(state, &entry.event, home)) {
                continue;
            }
            let proof = log.inclusion(row.seq, size).map_err(io::Error::other)?;
            let proof: Vec<String> = proof.iter().map(|hash| STANDARD.encode(hash.0)).collect();
            let line = json!({
                "index": row.seq, "leaf": STANDARD.encode(&row.leaf), "proof": proof,
            });
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}
