//! Spreading independent pieces of work over scoped threads. Results must never depend on the spread:
//! every piece writes only what it owns.

/// Deals `jobs` round robin to `threads` threads and waits for all of them.
pub(crate) fn split<J: Send>(threads: usize, jobs: Vec<J>, work: impl Fn(Vec<J>) + Sync) {
    let threads = threads.clamp(1, jobs.len().max(1));
    if threads == 1 {
        work(jobs);
        return;
    }
    let mut hands: Vec<Vec<J>> = (0..threads).map(|_| Vec::new()).collect();
    for (index, job) in jobs.into_iter().enumerate() {
        hands[index % threads].push(job);
    }
    std::thread::scope(|scope| {
        let mut hands = hands.into_iter();
        let own = hands.next();
        for hand in hands {
            let work = &work;
            scope.spawn(move || work(hand));
        }
        work(own.unwrap_or_default());
    });
}
