//! The files of a batch that has ended: one of results, one of what went wrong, each only if it has a row.
//!
//! Their ids are in the record before they are written, so that a process that dies on the way leaves no second
//! pair. Everything here blocks.

use super::desk::Live;
use super::id::Uuid;
use super::journal::Journal;
use super::record::{Dialect, Record, Status};
use super::sealed::{KeepError, Writer};
use super::shelf::{Kind, card_of};

/// Writes them and ends the batch.
pub(super) fn files(
    live: &Live,
    journal: &Journal,
    [results, errors]: [Uuid; 2],
    now_s: i64,
) -> Result<(), KeepError> {
    let done = journal.done();
    let (has_results, has_errors) = (done.completed > 0, done.failed > 0);
    live.change(|record| {
        record.output_file = record.output_file.or(has_results.then_some(results));
        record.error_file = record.error_file.or(has_errors.then_some(errors));
    })?;
    let record = live.record();
    let mut writers = [record.output_file, record.error_file].map(|id| (id, None::<Writer>));
    for (id, writer) in &mut writers {
        *writer = id.map(|id| live.room.write(id)).transpose()?;
    }
    let [(_, good), (_, bad)] = &mut writers;
    Journal::each(
        &live.room.rows(record.id),
        &live.room.rows_place(record.id),
        |is_good, text| {
            let Some(writer) = (if is_good { good.as_mut() } else { bad.as_mut() }) else {
                return Err(KeepError::Damaged);
            };
            writer.write(text.as_bytes())?;
            writer.write(b"\n")
        },
    )?;
    for ((id, writer), kind) in writers.into_iter().zip([Kind::Result, Kind::Error]) {
        if let (Some(id), Some(writer)) = (id, writer) {
            keep(live, &record, (id, kind), writer)?;
        }
    }
    live.change(|record| {
        let ended = match record.status {
            Status::Cancelling => Status::Cancelled,
            _ if record.is_late => Status::Expired,
            _ => Status::Completed,
        };
        record.step(ended, now_s);
    })
}

fn keep(
    live: &Live,
    record: &Record,
    (id, kind): (Uuid, Kind),
    writer: Writer,
) -> Result<(), KeepError> {
    let written = writer.finish()?;
    let what = match kind {
        Kind::Request => "input",
        Kind::Result => "output",
        Kind::Error => "error",
    };
    let filename = format!("{}_{what}.jsonl", record.id.batch_text());
    // Days of the record, not of now: a second attempt gives the file the same name.
    let since = record.since.finalizing.or(record.since.cancelling);
    let created_s = since.unwrap_or(record.created_s);
    let days = (created_s, created_s.saturating_add(record.output_kept_s));
    let of_job = record.dialect == Dialect::Mistral;
    live.room.keep(&card_of((id, filename), (kind, of_job), written, days))
}
