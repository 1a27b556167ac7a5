//! One batch, from its first line to its files. It may begin at any state, since any process may have died.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ask::{self, Row, Terms, Unasked, set};
use super::desk::{Desk, Live};
use super::finish;
use super::journal::{Done, Journal};
use super::line::{Common, Line};
use super::record::{Fault, Record, Status};
use super::sealed::{KeepError, Lines, Next};
use crate::call::Call;
use crate::proxy::Gateway;

/// How often it is looked whether the window has ended.
const LOOK: Duration = Duration::from_millis(500);
/// Most faults that are told of a file.
const FAULTS_MAX: usize = 100;
/// A line that was not asked in time.
const LATE: Unasked<'static> = Unasked {
    code: "batch_expired",
    message: "this request was not asked before the completion window ended",
};
/// A line that nobody wants any more.
const CANCELLED: Unasked<'static> = Unasked {
    code: "batch_cancelled",
    message: "the batch was cancelled before this request was answered",
};

/// A line for whose answer there is no room.
const FULL: Unasked<'static> = Unasked {
    code: "answers_too_large",
    message: "the answers of this batch take as much room as they may: split it",
};

/// Why asking has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Every line has a row, or there is room for no more.
    All,
    /// The window is over.
    Late,
    /// Somebody asked for it.
    Cancelled,
    /// The process ends.
    Stopping,
}

/// Works on a batch until it is done, or the process is to end.
pub(super) async fn run(
    gateway: &Arc<Gateway>,
    desk: &Arc<Desk>,
    live: &Arc<Live>,
) -> Result<(), KeepError> {
    loop {
        let record = live.record();
        match record.status {
            Status::Validating => validate(gateway, desk, live).await?,
            Status::InProgress => match ask_all(gateway, desk, live, &record).await? {
                End::Stopping => return Ok(()),
                // Whoever cancelled has said so in the record.
                End::Cancelled => {}
                ended @ (End::All | End::Late) => {
                    let now_s = gateway.now_s();
                    change(live, move |record| {
                        record.is_late = ended == End::Late;
                        record.step(Status::Finalizing, now_s)
                    })
                    .await?;
                }
            },
            Status::Finalizing => close(gateway, desk, live, LATE).await?,
            Status::Cancelling => close(gateway, desk, live, CANCELLED).await?,
            Status::Failed | Status::Completed | Status::Expired | Status::Cancelled => {
                return Ok(());
            }
        }
    }
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeepError> + Send + 'static,
) -> Result<T, KeepError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        let source = std::io::Error::other(error);
        Err(KeepError::Io { action: "work on a batch", source })
    })
}

async fn change<T: Send + 'static>(
    live: &Arc<Live>,
    change: impl FnOnce(&mut Record) -> T + Send + 'static,
) -> Result<T, KeepError> {
    let live = Arc::clone(live);
    blocking(move || live.change(change)).await
}

/// Rows for all lines that have none, then the files.
async fn close(
    gateway: &Arc<Gateway>,
    desk: &Arc<Desk>,
    live: &Arc<Live>,
    why: Unasked<'static>,
) -> Result<(), KeepError> {
    let fresh = [gateway.fresh_uuid(), gateway.fresh_uuid()];
    let (desk, live, now_s) = (Arc::clone(desk), Arc::clone(live), gateway.now_s());
    blocking(move || {
        let record = live.record();
        let mut journal =
            Journal::open(&live.room.rows(record.id), live.room.rows_place(record.id))?;
        let why = if is_full(&desk, &journal) { FULL } else { why };
        rest(&desk, &live, &mut journal, why)?;
        live.count(journal.done().completed, journal.done().failed);
        finish::files(&live, &journal, fresh, now_s)
    })
    .await
}

/// The lines of its file; `None` if that is gone.
fn lines(desk: &Desk, live: &Live, record: &Record) -> Result<Option<Lines>, KeepError> {
    // Its day was looked at when the batch was made: a batch reads a file that has expired since to its end.
    let card = live.room.card(record.input_file, i64::MIN)?;
    card.map(|card| live.room.lines(&card, desk.config.line_bytes_max)).transpose()
}

fn common(record: &Record) -> Common<'_> {
    Common { dialect: record.dialect, endpoint: &record.endpoint, model: record.model.as_deref() }
}

async fn validate(
    gateway: &Arc<Gateway>,
    desk: &Arc<Desk>,
    live: &Arc<Live>,
) -> Result<(), KeepError> {
    let (desk, live, now_s) = (Arc::clone(desk), Arc::clone(live), gateway.now_s());
    blocking(move || {
        let checked = check(&desk, &live, &live.record())?;
        live.change(|record| match checked {
            // Whoever cancels meanwhile has asked nothing yet.
            Ok(total) if record.step(Status::InProgress, now_s) => record.counts.total = total,
            Ok(_) => {}
            Err(faults) => record.fail(faults, now_s),
        })
    })
    .await
}

/// How many lines there are, or what is wrong with them.
fn check(desk: &Desk, live: &Live, record: &Record) -> Result<Result<u32, Vec<Fault>>, KeepError> {
    let whole = |code: &str, message: String| Fault {
        code: code.to_owned(),
        message,
        line: None,
        param: Some("input_file_id".to_owned()),
    };
    let Some(mut lines) = lines(desk, live, record)? else {
        let gone = "the input file is gone: upload it again".to_owned();
        return Ok(Err(vec![whole("invalid_input_file", gone)]));
    };
    let (mut total, mut ids, mut faults) = (0_u32, BTreeSet::new(), Vec::new());
    while let Some(next) = lines.next()? {
        if *live.ending.borrow() {
            return Ok(Ok(0));
        }
        if faults.len() >= FAULTS_MAX {
            break;
        }
        total = total.saturating_add(1);
        if total > desk.config.lines_max {
            let text = format!("a batch has at most {} lines: split it", desk.config.lines_max);
            faults.push(whole("too_many_lines", text));
            break;
        }
        match next {
            Next::TooLong(number) => {
                let bytes_max = desk.config.line_bytes_max;
                let message = format!("this line has more than {bytes_max} bytes");
                let code = "line_too_long".to_owned();
                faults.push(Fault { code, message, line: Some(number), param: None });
            }
            Next::Line(number, bytes) => match Line::parse(common(record), number, &bytes) {
                Err(fault) => faults.push(fault),
                Ok(line) if !ids.insert(line.custom_id.clone()) => faults.push(Fault {
                    code: "duplicate_custom_id".to_owned(),
                    message: "a line before has the same `custom_id`: give each its own".to_owned(),
                    line: Some(number),
                    param: Some("custom_id".to_owned()),
                }),
                Ok(_) => {}
            },
        }
    }
    if total == 0 && faults.is_empty() {
        faults.push(whole("empty_file", "the input file has no line".to_owned()));
    }
    Ok(if faults.is_empty() { Ok(total) } else { Err(faults) })
}

/// Asks all lines that have no row.
async fn ask_all(
    gateway: &Arc<Gateway>,
    desk: &Arc<Desk>,
    live: &Arc<Live>,
    record: &Record,
) -> Result<End, KeepError> {
    let Some(call) = Call::of(&Method::POST, &record.endpoint) else {
        return Err(KeepError::Damaged);
    };
    let terms = Terms { batch: record.id, key: record.key, call };
    let (path, place) = (live.room.rows(record.id), live.room.rows_place(record.id));
    let mut journal = blocking(move || {
        let mut journal = Journal::open(&path, place)?;
        journal.require_room()?;
        Ok(journal)
    })
    .await?;
    live.count(journal.done().completed, journal.done().failed);
    let (sender, mut lines) = mpsc::channel(desk.config.lines_at_once.max(1));
    let reading = {
        let (desk, live, done) = (Arc::clone(desk), Arc::clone(live), journal.done().clone());
        tokio::task::spawn_blocking(move || read(&desk, &live, &done, &sender))
    };
    let (mut asked, mut is_read, mut is_stopping) = (JoinSet::new(), false, false);
    let (mut ending, mut stopping) = (live.ending.subscribe(), desk.stopping.subscribe());
    let mut look = tokio::time::interval(LOOK);
    let end = loop {
        is_read |= is_full(desk, &journal);
        let has_room = !is_read && !is_stopping && asked.len() < desk.config.lines_at_once;
        if asked.is_empty() && (is_read || is_stopping) {
            break if is_read { End::All } else { End::Stopping };
        }
        tokio::select! {
            () = set(&mut ending) => break End::Cancelled,
            _ = look.tick() => if record.is_over(gateway.now_s()) { break End::Late },
            () = set(&mut stopping), if !is_stopping => is_stopping = true,
            next = lines.recv(), if has_room => match next {
                Some(line) => {
                    let (gateway, desk) = (Arc::clone(gateway), Arc::clone(desk));
                    asked.spawn(async move { ask::ask(&gateway, &desk, terms, line).await });
                }
                None => is_read = true,
            },
            Some(row) = asked.join_next(), if !asked.is_empty() => keep(live, &mut journal, row)?,
        }
    };
    drop(lines);
    // What is in flight ends now, and what has ended meanwhile is kept.
    asked.abort_all();
    while let Some(row) = asked.join_next().await {
        keep(live, &mut journal, row)?;
    }
    let read = reading.await.unwrap_or(Err(KeepError::Damaged));
    if end == End::All && !is_full(desk, &journal) {
        // A file that could not be read to its end is not all.
        read?;
    }
    blocking(move || journal.sync()).await?;
    Ok(end)
}

/// Whether its answers take as much room as they may.
fn is_full(desk: &Desk, journal: &Journal) -> bool {
    journal.bytes() >= desk.config.answers_bytes_max
}

/// Takes one line's row; a line that was given up has none.
fn keep(
    live: &Live,
    journal: &mut Journal,
    row: Result<Option<Row>, tokio::task::JoinError>,
) -> Result<(), KeepError> {
    match row {
        Ok(Some(Row { line, is_good, text })) => {
            journal.add(line, is_good, &text)?;
            live.count(journal.done().completed, journal.done().failed);
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) if error.is_cancelled() => Ok(()),
        Err(error) => {
            let source = std::io::Error::other(error);
            Err(KeepError::Io { action: "ask a line of a batch", source })
        }
    }
}

/// Hands on the lines that have no row, for as long as somebody takes them.
fn read(
    desk: &Desk,
    live: &Live,
    done: &Done,
    sender: &mpsc::Sender<(u32, Line)>,
) -> Result<(), KeepError> {
    each_without_row(desk, live, done, |number, line| sender.blocking_send((number, line)).is_ok())
}

/// Adds a row for each line that has none.
fn rest(
    desk: &Desk,
    live: &Live,
    journal: &mut Journal,
    why: Unasked<'_>,
) -> Result<(), KeepError> {
    let (mut added, id) = (Ok(()), live.id);
    let done = journal.done().clone();
    each_without_row(desk, live, &done, |number, line| {
        let text = ask::unasked(id, number, &line.custom_id, why);
        added = journal.add(number, false, &text);
        added.is_ok()
    })?;
    added
}

fn each_without_row(
    desk: &Desk,
    live: &Live,
    done: &Done,
    mut take: impl FnMut(u32, Line) -> bool,
) -> Result<(), KeepError> {
    let record = live.record();
    // A batch that was cancelled before its lines were counted has none that could be asked.
    if record.counts.total == 0 || done.len() >= record.counts.total {
        return Ok(());
    }
    let Some(mut lines) = lines(desk, live, &record)? else { return Err(KeepError::Damaged) };
    while let Some(Next::Line(number, bytes)) = lines.next()? {
        if done.has(number) {
            continue;
        }
        let line = Line::parse(common(&record), number, &bytes).map_err(|_| KeepError::Damaged)?;
        if !take(number, line) {
            break;
        }
    }
    Ok(())
}
