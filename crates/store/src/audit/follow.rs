//! The audit of a log as it is served: every bundle is read, every hash tile made again and compared, the
//! root and the checkpoints checked, and the entries replayed. Only public keys are believed.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use kernel::Entry;
use kernel::audit::{Audit, Auditor};
use ledger::tile::{TileStream, decode_bundle, decode_hashes, entry_bundles};
use ledger::{Checkpoint, Hash, Tile, TileError, Verifier, VerifierKey, leaf_hash};

use super::source::{CHECKPOINT_PATH, FINAL_PATH, LogSource, Mirror, SourceError};
use super::witnessed::{Origin, Witnessed};
use super::{AuditError, AuditReport, List, Options, rows};

/// Bundles that may wait for the replay.
const BUNDLES_WAITING: usize = 4;

/// Audits a served log. With a mirror, everything read is kept there, and checkpoints that are there from
/// an earlier run must be consistent with the log.
///
/// # Errors
/// If the source cannot be read, or no key is given and the mirror has none; whatever is wrong with the
/// log is a finding.
pub fn follow(
    source: &dyn LogSource,
    mirror: Option<&Mirror<'_>>,
    options: &Options,
) -> Result<AuditReport, AuditError> {
    let started = Instant::now();
    let source: &dyn LogSource = mirror.map_or(source, |mirror| mirror);
    let key = options.key.clone().ok_or(AuditError::NoKey)?;
    let mut list = List::default();
    let mut witnessed = Witnessed::default();
    let trust = (&key, &options.quorum);
    for note in &options.checkpoints {
        witnessed.take(note, Origin::Earlier, trust, &mut list);
    }
    for note in mirror.map(Mirror::earlier).transpose()?.unwrap_or_default() {
        witnessed.take(&note, Origin::Earlier, trust, &mut list);
    }
    // The final one first: the newest is never smaller.
    let last = source.get(FINAL_PATH)?;
    match &last {
        Some(note) => witnessed.take(note, Origin::Final, trust, &mut list),
        None if options.quorum.needed() > 0 => {
            list.push(
                None,
                "there is no final checkpoint: no quorum of witnesses has seen this log",
            );
        }
        None => {}
    }
    let newest = source.get(CHECKPOINT_PATH)?;
    let newest = newest.ok_or_else(|| missing(CHECKPOINT_PATH))?;
    witnessed.take(&newest, Origin::Newest, trust, &mut list);
    // A newest checkpoint that is refused says nothing of a size: the final one may.
    let size = Checkpoint::open(&newest, &key, key.name()).map(|checkpoint| checkpoint.size());
    let size = size.ok().or(witnessed.final_size).unwrap_or(0);
    let mut pass = Pass { source, key: &key, witnessed, list, n_tiles: 0 };
    let (report, audit) = pass.run(size)?;
    if let Some(mirror) = mirror {
        mirror.finish(&format!("{key}\n"), &newest, last.as_deref())?;
    }
    let Pass { witnessed, mut list, n_tiles, .. } = pass;
    let read = rows::Read::of(&report, audit, &mut list);
    let report = AuditReport::of(key.name(), &read, list, started).with(&witnessed);
    Ok(AuditReport { tiles: Some(n_tiles), ..report })
}

fn missing(path: &str) -> SourceError {
    SourceError { path: path.to_owned(), reason: "there is none".to_owned() }
}

/// One pass over all entries.
struct Pass<'a> {
    source: &'a dyn LogSource,
    key: &'a VerifierKey,
    witnessed: Witnessed,
    list: List,
    n_tiles: u64,
}

type Bundle = Arc<Vec<Vec<u8>>>;

impl Pass<'_> {
    /// Reads the log up to a size, with the replay on a thread of its own.
    fn run(&mut self, size: u64) -> Result<(ledger::verify::Report, Option<Audit>), SourceError> {
        let mut verifier = Verifier::new(self.key.clone(), self.key.name());
        let audit = thread::scope(|scope| {
            let (bundles_in, bundles) = sync_channel::<Bundle>(BUNDLES_WAITING);
            let auditor = scope.spawn(move || {
                let mut auditor = Auditor::new();
                while let Ok(bundle) = bundles.recv() {
                    for leaf in bundle.iter() {
                        auditor.feed(leaf);
                    }
                }
                auditor.finish()
            });
            let read = self.read(size, &mut verifier, &bundles_in);
            drop(bundles_in);
            let audit = auditor.join().ok();
            read.map(|()| audit)
        })?;
        // What lies beyond the log's end is a log cut short.
        self.witnessed.give_until(&mut verifier, u64::MAX);
        Ok((verifier.finish(), audit))
    }

    fn read(
        &mut self,
        size: u64,
        verifier: &mut Verifier,
        bundles: &SyncSender<Bundle>,
    ) -> Result<(), SourceError> {
        let mut stream = TileStream::new();
        let mut tiles: Vec<(Tile, Vec<Hash>)> = Vec::new();
        let mut seq = 0_u64;
        for tile in entry_bundles(0, size) {
            let Some(bundle) = self.bundle(&tile, seq)? else { return Ok(()) };
            for leaf in bundle.iter() {
                self.witnessed.give_until(verifier, seq);
                verifier.entry(seq, leaf);
                if self.witnessed.wants_time(seq)
                    && let Ok(entry) = Entry::from_leaf(leaf)
                {
                    self.witnessed.entry_time(seq, entry.at, &mut self.list);
                }
                stream.append(leaf_hash(leaf), |tile, hashes| tiles.push((tile, hashes.to_vec())));
                seq = seq.saturating_add(1);
            }
            // A replay that has panicked is told when it is joined.
            let _ = bundles.send(bundle);
            for (tile, hashes) in tiles.drain(..) {
                self.compare(&tile, &hashes)?;
            }
        }
        stream.finish(|tile, hashes| tiles.push((tile, hashes.to_vec())));
        for (tile, hashes) in tiles {
            self.compare(&tile, &hashes)?;
        }
        Ok(())
    }

    /// The entries of a bundle. Without them nothing after is comparable: the pass ends there.
    fn bundle(&mut self, tile: &Tile, seq: u64) -> Result<Option<Bundle>, SourceError> {
        let bytes = self.source.get(&tile.to_string())?;
        let bytes = bytes.ok_or(TileError::Missing { tile: *tile });
        let decoded = bytes.and_then(|bytes| {
            let entries = decode_bundle(tile, &bytes)?;
            Ok(entries.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
        });
        match decoded {
            Ok(entries) => Ok(Some(Arc::new(entries))),
            Err(error) => {
                self.list.push(Some(seq), format!("the audit ends here: {error}"));
                Ok(None)
            }
        }
    }

    /// Compares a hash tile as served with the one that the entries give.
    fn compare(&mut self, tile: &Tile, expected: &[Hash]) -> Result<(), SourceError> {
        self.n_tiles = self.n_tiles.saturating_add(1);
        let bytes = self.source.get(&tile.to_string())?;
        let bytes = bytes.ok_or(TileError::Missing { tile: *tile });
        match bytes.and_then(|bytes| decode_hashes(tile, &bytes)) {
            Ok(hashes) if hashes == expected => {}
            Ok(_) => self.list.push(None, format!("`{tile}` is not that of its entries")),
            Err(error) => self.list.push(None, error.to_string()),
        }
        Ok(())
    }
}
