//! The audit of a served log by somebody with public keys only, and what an operator could try to hide: one
//! test for each.

use std::cell::{Cell, RefCell};
use std::path::Path;

use ledger::Quorum;
use store::audit::{self, AuditReport, LogSource, Mirror, Options, SourceError};
use store::{Clock, Config, DataFolder, Finality, LogView};
use units::UnixMicros;

use crate::lab::{self, Lab};
use crate::support::{Counter, config, copy_dir};
use crate::witnesses::{Trio, grow};

/// A log as a platform serves it, counting what is fetched, and with a liar in between.
struct Served<'a> {
    view: LogView,
    finality: &'a Finality,
    n_fetched: Cell<usize>,
    lies: RefCell<Vec<(String, Vec<u8>)>>,
}

impl<'a> Served<'a> {
    fn new(folder: &DataFolder, finality: &'a Finality) -> Self {
        let lies = RefCell::default();
        Self { view: folder.view(), finality, n_fetched: Cell::new(0), lies }
    }

    /// Serves something else under a path.
    fn lie(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.get(path).unwrap().unwrap();
        change(&mut bytes);
        self.lies.borrow_mut().push((path.to_owned(), bytes));
    }
}

impl LogSource for Served<'_> {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.n_fetched.set(self.n_fetched.get() + 1);
        if let Some((_, lie)) = self.lies.borrow().iter().find(|(name, _)| name == path) {
            return Ok(Some(lie.clone()));
        }
        Ok(match path {
            audit::CHECKPOINT_PATH => Some(self.finality.newest().into_bytes()),
            audit::FINAL_PATH => self.finality.last().map(|last| last.note.into_bytes()),
            tile => self.view.tile(tile).ok(),
        })
    }
}

/// A log with work, bills and witnesses.
struct Case {
    scratch: tempfile::TempDir,
    folder: DataFolder,
    trio: Trio,
    finality: Finality,
    lab: Lab,
}

impl Case {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: Config) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&scratch.path().join("data"), config).unwrap();
        let trio = Trio::open(scratch.path(), &folder);
        let finality = trio.finality(&folder);
        let lab = lab::build(folder.handle());
        lab.train(folder.handle(), "one");
        let case = Self { scratch, folder, trio, finality, lab };
        case.work(1);
        case
    }

    /// More than one bundle's worth, then cosigned.
    fn work(&self, gateway: u8) {
        for n in 1..=300 {
            lab::run(self.folder.handle(), self.lab.tokens(Lab::gateway(gateway), n));
        }
        self.trio.exchange(&self.finality);
        assert_eq!(self.finality.size(), self.folder.handle().size());
    }

    fn served(&self) -> Served<'_> {
        Served::new(&self.folder, &self.finality)
    }

    fn options(&self) -> Options {
        Options {
            key: Some(self.folder.view().verifier()),
            quorum: Quorum::new(self.trio.keys(), 2).unwrap(),
            ..Options::default()
        }
    }

    fn follow(&self, source: &dyn LogSource) -> AuditReport {
        audit::follow(source, None, &self.options()).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.scratch.path().join(name)
    }
}

#[track_caller]
fn finds(report: &AuditReport, text: &str) {
    let found = report.findings.iter().any(|finding| finding.message.contains(text));
    assert!(found, "`{text}` is not among {:?}", report.findings);
}

#[test]
fn a_served_log_is_audited_with_public_keys_only() {
    let case = Case::new();
    let report = case.follow(&case.served());
    assert!(report.is_sound(), "{:?}", report.findings);
    let size = case.folder.handle().size();
    assert_eq!((report.entries, report.final_size, report.cosignatures), (size, Some(size), 3));
    assert_eq!(report.root, case.folder.view().signed_head().1.root);
    assert_eq!(report.state_hash, case.folder.read(kernel::State::hash));
    assert!(report.placements > 0 && report.usage_entries > 300 && report.invoice_lines > 0);
    assert!(report.tiles.unwrap() > 2 && report.clock_checks == 1);
    // The same from the folder, with the same witnesses.
    let offline = audit::verify(case.folder.path(), &case.options()).unwrap();
    assert!(offline.is_sound(), "{:?}", offline.findings);
    assert_eq!((offline.root, offline.final_size), (report.root, report.final_size));
    // Without a key nothing is said at all.
    let nobody = audit::follow(&case.served(), None, &Options::default());
    assert!(matches!(nobody, Err(audit::AuditError::NoKey)), "{nobody:?}");
}

#[test]
fn a_mirror_goes_on_where_it_ended_and_is_an_audit_of_its_own() {
    let case = Case::new();
    let dir = case.path("mirror");
    let source = case.served();
    let run = |source: &Served<'_>| {
        source.n_fetched.set(0);
        let mirror = Mirror::new(&dir, Some(source));
        let report = audit::follow(source, Some(&mirror), &case.options()).unwrap();
        assert!(report.is_sound(), "{:?}", report.findings);
        (report.entries, source.n_fetched.get())
    };
    let (first, n_first) = run(&source);
    let (same, n_same) = run(&source);
    assert_eq!((first, n_same), (same, 2), "only the two checkpoints; {n_first} at first");
    case.work(2);
    let (grown, n_grown) = run(&source);
    assert!(grown > first && n_grown < n_first + 4, "{n_grown} of {n_first}");
    assert!(Mirror::is_one(&dir) && !Mirror::is_one(case.folder.path()));
    // Without the platform.
    let alone = Mirror::new(&dir, None);
    let report = audit::follow(&alone, Some(&alone), &case.options()).unwrap();
    assert!(report.is_sound() && report.entries == grown, "{:?}", report.findings);
    // A file of the mirror that was cut is fetched again; one that was changed is found.
    let bundle = dir.join("tile/entries/000");
    let good = std::fs::read(&bundle).unwrap();
    std::fs::write(&bundle, &good[..good.len() / 2]).unwrap();
    assert_eq!(run(&source).0, grown);
    assert_eq!(std::fs::read(&bundle).unwrap(), good);
    let mut bad = good.clone();
    let at = bad.len() / 2;
    bad[at] ^= 1;
    std::fs::write(&bundle, &bad).unwrap();
    let report = audit::follow(&alone, Some(&alone), &case.options()).unwrap();
    assert!(!report.is_sound());
}

#[test]
fn an_edited_entry_and_an_edited_tile_are_found() {
    let case = Case::new();
    for path in ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"] {
        let source = case.served();
        source.lie(path, |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        });
        assert!(!case.follow(&source).is_sound(), "{path}");
    }
    let source = case.served();
    source.lie("tile/entries/000", |bytes| bytes.truncate(100));
    finds(&case.follow(&source), "the audit ends here");
}

#[test]
fn an_edited_row_of_the_database_is_found() {
    let case = Case::new();
    let (data, copy) = (case.folder.path(), case.path("copy"));
    copy_dir(data, &copy);
    let database = rusqlite::Connection::open(copy.join("log.db")).unwrap();
    let sql = "UPDATE log SET leaf = CAST(replace(CAST(leaf AS TEXT), '1200', '1300') AS BLOB)
               WHERE seq = (SELECT max(seq) FROM log WHERE kind = 'usage.tokens')";
    assert_eq!(database.execute(sql, []).unwrap(), 1);
    drop(database);
    let report = audit::verify(&copy, &case.options()).unwrap();
    finds(&report, "were changed");
}

/// A log that has grown since a copy was made; what the copy's folder would serve.
fn old_copy(case: &Case) -> std::path::PathBuf {
    let copy = case.path("old");
    copy_dir(case.folder.path(), &copy);
    case.work(2);
    copy
}

#[test]
fn a_truncated_log_is_found_by_any_checkpoint_kept_elsewhere() {
    let case = Case::new();
    let copy = old_copy(&case);
    let kept = case.finality.newest().into_bytes();
    let options = |checkpoints| Options { checkpoints, ..case.options() };
    let unaware = audit::verify(&copy, &options(Vec::new())).unwrap();
    assert!(unaware.is_sound(), "an old copy alone is a sound log: {:?}", unaware.findings);
    let report = audit::verify(&copy, &options(vec![kept.clone()])).unwrap();
    finds(&report, "the log was cut short");
    // The same over HTTP, and by a mirror that has seen more.
    let old = DataFolder::open(&copy, config()).unwrap();
    let finality = case.trio.finality(&old);
    let served = Served::new(&old, &finality);
    finds(&audit::follow(&served, None, &options(vec![kept])).unwrap(), "the log was cut short");
    let dir = case.path("mirror");
    let honest = case.served();
    let mirror = Mirror::new(&dir, Some(&honest));
    assert!(audit::follow(&honest, Some(&mirror), &case.options()).unwrap().is_sound());
    let mirror = Mirror::new(&dir, Some(&served));
    let report = audit::follow(&served, Some(&mirror), &case.options()).unwrap();
    finds(&report, "the log was cut short");
}

#[test]
fn an_old_checkpoint_replayed_is_found() {
    let case = Case::new();
    let old = case.finality.newest();
    case.work(2);
    let source = case.served();
    // The newest is the old one, but the final one, which witnesses signed, is larger.
    source.lie(audit::CHECKPOINT_PATH, |bytes| *bytes = old.clone().into_bytes());
    finds(&case.follow(&source), "the log was cut short");
    // With both old only somebody with a newer checkpoint can know.
    source.lie(audit::FINAL_PATH, |bytes| *bytes = old.into_bytes());
    assert!(case.follow(&source).is_sound());
    let checkpoints = vec![case.finality.newest().into_bytes()];
    let options = Options { checkpoints, ..case.options() };
    finds(&audit::follow(&source, None, &options).unwrap(), "the log was cut short");
}

#[test]
fn a_fork_is_found_and_has_no_quorum() {
    let case = Case::new();
    let copy = old_copy(&case);
    let fork = DataFolder::open(&copy, config()).unwrap();
    let finality = case.trio.finality(&fork);
    while fork.handle().size() <= case.folder.handle().size() {
        grow(&fork, &format!("forged-{}", fork.handle().size()));
    }
    case.trio.exchange(&finality);
    let served = Served::new(&fork, &finality);
    let checkpoints = vec![case.finality.newest().into_bytes()];
    let options = Options { checkpoints, ..case.options() };
    let report = audit::follow(&served, None, &options).unwrap();
    finds(&report, "were changed");
    assert!(report.final_size < Some(report.entries), "witnesses have seen only the honest part");
    // A witness's line moved to another checkpoint does not hold.
    let stolen = case.finality.newest();
    let lines = stolen.split_once("\n\n").unwrap().1.lines().skip(1).collect::<Vec<_>>().join("\n");
    served.lie(audit::FINAL_PATH, |bytes| {
        *bytes = format!("{}{lines}\n", fork.view().checkpoint()).into_bytes();
    });
    finds(&audit::follow(&served, None, &options).unwrap(), "does not fit");
}

#[test]
fn too_few_cosignatures_are_not_a_quorum() {
    let case = Case::new();
    let source = case.served();
    source.lie(audit::FINAL_PATH, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let kept = text.lines().filter(|line| !line.contains("/w1 ") && !line.contains("/w2 "));
        *bytes = format!("{}\n", kept.collect::<Vec<_>>().join("\n")).into_bytes();
    });
    finds(&case.follow(&source), "has 1 of 2 cosignatures");
    let nothing = Served::new(&case.folder, &case.finality);
    let unknown = Trio::open(&case.path("others"), &case.folder);
    let quorum = Quorum::new(unknown.keys(), 2).unwrap();
    let options = Options { quorum, ..case.options() };
    let report = audit::follow(&nothing, None, &options).unwrap();
    finds(&report, "cosignatur");
    assert_eq!(report.final_size, None);
}

/// A clock that can be set.
#[derive(Debug)]
struct Set(std::sync::Arc<std::sync::atomic::AtomicI64>);

impl Clock for Set {
    fn now(&mut self) -> UnixMicros {
        UnixMicros(self.0.load(std::sync::atomic::Ordering::Relaxed))
    }
}

#[test]
fn a_clock_that_was_ahead_and_is_set_back_is_found() {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let now = i64::try_from(now.as_micros()).unwrap();
    let time = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(now));
    let clock = Box::new(Set(time.clone()));
    let case = Case::with(Config { clock, entropy: Box::new(Counter), ..Config::default() });
    assert!(case.follow(&case.served()).is_sound());
    // An hour ahead, one entry, and back: from then on entries are dated a microsecond apart.
    time.store(now + 3_600_000_000, std::sync::atomic::Ordering::Relaxed);
    grow(&case.folder, "ahead");
    time.store(now, std::sync::atomic::Ordering::Relaxed);
    case.work(2);
    finds(&case.follow(&case.served()), "the platform's clock was ahead, or was set back");
    // A row that is dated back is no longer what was signed, nor in order.
    let copy = case.path("copy");
    copy_dir(case.folder.path(), &copy);
    edit_time(&copy);
    finds(&audit::verify(&copy, &case.options()).unwrap(), "column `at`");
}

fn edit_time(dir: &Path) {
    let database = rusqlite::Connection::open(dir.join("log.db")).unwrap();
    let sql = "UPDATE log SET at = at - 86400000000 WHERE seq = 40";
    assert_eq!(database.execute(sql, []).unwrap(), 1);
}
