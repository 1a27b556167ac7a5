//! What the store promises, measured on the disk under `target`: durable commands per second with
//! 64 callers, the latency of one caller next to a bare fsync, replay and audit. One plain run, as
//! criterion cannot drive 64 callers; medians and a ratio of two figures of the same run.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops at the first error"
)]

#[path = "../tests/it/lab.rs"]
mod lab;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kernel::{Actor, Submission};
use lab::Lab;
use store::{Config, DataFolder, Handle, LogStore as _, SqliteStore, audit};

const CALLERS: u8 = 64;

fn main() {
    // For a profiler: replays a folder that `KEEP` has kept, and does nothing else.
    if let Some(dir) = std::env::var_os("REPLAY") {
        replay(Path::new(&dir));
        stages(Path::new(&dir));
        return;
    }
    let entries = number("ENTRIES", 100_000);
    let seconds = number("SECONDS", 5);
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dir = scratch.path().join("data");
    // Snapshots would shorten the replay that is to be measured.
    let config = Config { snapshot_every: u64::MAX, ..Config::default() };
    let folder = DataFolder::open(&dir, config).unwrap();
    let lab = lab::build(folder.handle());
    let job = lab.train(folder.handle(), "train-once");
    println!("receipt entries           {:>12}", folder.view().receipt(job).unwrap().entries.len());

    latency(&folder, &lab, scratch.path());
    throughput(&folder, &lab, Duration::from_secs(seconds));
    fill(&folder, &lab, entries);
    // The folder is copied as a power cut would leave it: no shutdown, no snapshot.
    let cut = scratch.path().join("cut");
    copy(&dir, &cut);
    let size = folder.handle().size();
    drop(folder);
    assert_eq!(replay(&cut), size);
    stages(&cut);
    let cpu = cpu_time();
    if let Some(keep) = std::env::var_os("KEEP") {
        copy(&cut, Path::new(&keep));
    }
    let report = audit::verify(&dir, &audit::Options::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings.first());
    let took = Duration::from_millis(report.took_ms);
    println!(
        "audit                      {:>12.0} entries/s: {} entries, {} checkpoints, {} placements in {:.1} s",
        rate(size, took),
        report.entries,
        report.checkpoints,
        report.placements,
        took.as_secs_f64()
    );
    println!(
        "audit, processor time      {:>12.2} us per entry",
        (cpu_time() - cpu).as_secs_f64() * 1e6 / rate(size, Duration::from_secs(1))
    );
}

/// Opens a folder that has no snapshot; answers how many entries were folded.
fn replay(dir: &Path) -> u64 {
    let (started, cpu) = (Instant::now(), cpu_time());
    let config = Config { snapshot_every: u64::MAX, ..Config::default() };
    let folder = DataFolder::open(dir, config).unwrap();
    let (took, cpu) = (started.elapsed(), cpu_time() - cpu);
    let size = folder.report().folded;
    println!(
        "replay, verified           {:>12.0} entries/s of {size} (target 500000)",
        rate(size, took)
    );
    println!(
        "replay, processor time     {:>12.2} us per entry",
        cpu.as_secs_f64() * 1e6 / rate(size, Duration::from_secs(1))
    );
    // Abandoned without a shutdown: that would save a snapshot.
    std::mem::forget(folder);
    size
}

/// What a replay consists of, one stage after the other on one thread.
fn stages(dir: &Path) {
    let mut store = SqliteStore::open_reader(&dir.join("log.db")).unwrap();
    let (mut size, mut bytes) = (0_u64, 0_usize);
    let [mut read, mut hash, mut parse, mut fold] = [Duration::ZERO; 4];
    let mut state = kernel::State::default();
    let mut tree = ledger::Tree::new();
    let mut leaves = store::Leaves::new();
    loop {
        let started = Instant::now();
        store.read_leaves(size, 256, &mut leaves).unwrap();
        read += started.elapsed();
        if leaves.is_empty() {
            break;
        }
        size += u64::try_from(leaves.len()).unwrap();
        bytes += leaves.n_bytes();
        let started = Instant::now();
        for (_, leaf) in leaves.iter() {
            tree.append(ledger::leaf_hash(leaf));
        }
        hash += started.elapsed();
        let started = Instant::now();
        let entries: Vec<_> =
            leaves.iter().map(|(_, leaf)| kernel::Entry::from_leaf(leaf).unwrap()).collect();
        parse += started.elapsed();
        let started = Instant::now();
        entries.iter().for_each(|entry| state.apply(entry));
        fold += started.elapsed();
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / rate(size, Duration::from_secs(1));
    println!(
        "stages, us per entry       read {:.2}, hash {:.2}, parse {:.2}, fold {:.2}; {} bytes per entry",
        each(read),
        each(hash),
        each(parse),
        each(fold),
        bytes / usize::try_from(size).unwrap()
    );
}

/// Processor time of this process so far, on all threads (proc_pid_stat(5), ticks of 10 ms).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|text| text.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn rate(n: u64, took: Duration) -> f64 {
    n as f64 / took.as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Alternates one command and one bare fsync of as many bytes, so that both meet the same disk.
fn latency(folder: &DataFolder, lab: &Lab, scratch: &Path) {
    let mut file = File::create(scratch.join("bare")).unwrap();
    let (mut commands, mut bare) = (Vec::new(), Vec::new());
    for sequence in 1..=2_000 {
        let started = Instant::now();
        file.write_all(&[0_u8; 8_192]).unwrap();
        file.sync_data().unwrap();
        bare.push(started.elapsed());
        let command = lab.tokens(Lab::gateway(200), sequence);
        let started = Instant::now();
        lab::run(folder.handle(), command);
        commands.push(started.elapsed());
    }
    let (command, bare) = (median(commands), median(bare));
    println!("bare write + fsync         {:>12.1} us (median)", bare.as_secs_f64() * 1e6);
    println!("one command                {:>12.1} us (median)", command.as_secs_f64() * 1e6);
    println!(
        "ratio                      {:>12.2} (target 2)",
        command.as_secs_f64() / bare.as_secs_f64()
    );
}

fn throughput(folder: &DataFolder, lab: &Lab, time: Duration) {
    let batches = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&batches);
    folder.handle().on_commit(Box::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let started = Instant::now();
    let n = callers(folder.handle(), lab, 1, &|_| started.elapsed() < time);
    let took = started.elapsed();
    let n_batches = batches.load(Ordering::Relaxed);
    println!(
        "durable commands           {:>12.0} per s with {CALLERS} callers, {:.1} per batch (target 10000)",
        rate(n, took),
        rate(n, Duration::from_secs(n_batches))
    );
}

/// Fills the log up to a size.
fn fill(folder: &DataFolder, lab: &Lab, entries: u64) {
    let left = entries.saturating_sub(folder.handle().size()) / u64::from(CALLERS);
    callers(folder.handle(), lab, 65, &|done| done < left);
}

fn callers(handle: &Handle, lab: &Lab, first: u8, go_on: &(dyn Fn(u64) -> bool + Sync)) -> u64 {
    let total = AtomicU64::new(0);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let total = &total;
            scope.spawn(move || {
                let mut done = 0_u64;
                while go_on(done) {
                    done += 1;
                    // One in eight is a job, the rest are roll-ups of usage.
                    let command = if done.is_multiple_of(8) {
                        lab.job(lab::spec("bench"))
                    } else {
                        lab.tokens(Lab::gateway(first + caller), done - done / 8)
                    };
                    handle.submit(Actor::System, Submission::new(command)).unwrap();
                }
                total.fetch_add(done, Ordering::Relaxed);
            });
        }
    });
    total.into_inner()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.path().is_file() && name != "log.db-shm" && name != "lock" {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}
