//! Capture: what the gateway has gathered of calls goes to the platform's spool, which makes versions of it.

use std::sync::Arc;

use anyhow::Context as _;
use gateway::{Captured, Recorder, Route};
use server::{CaptureSpool, CapturedLine, Platform, SharedSpool};
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    task::JoinSet,
};
use units::{Id, kinds};

/// Bytes that records may hold in memory together, those that are being gathered included.
const HELD_BYTES_MAX: usize = 64 << 20;
/// Records written at once.
const WRITTEN_AT_ONCE: usize = 256;

/// What is kept of a call of this project along this route. Texts of a higher class than the dataset's stay out,
/// wherever on the route they may be answered.
pub(super) fn wanted(
    platform: &Platform,
    recorder: &Arc<Recorder>,
    (project, route): (Id<kinds::Project>, &Route),
) -> Option<gateway::Capture> {
    let server::Capture { dataset, permille, class } = platform.capture(project)?;
    let fits = |endpoint| platform.endpoint_class(endpoint).is_some_and(|found| found <= class);
    let recorder = Arc::clone(recorder);
    let is_wanted = route.endpoints().into_iter().all(fits);
    is_wanted.then_some(gateway::Capture { dataset, permille, recorder })
}

/// The writer of records, for whoever ends the process.
#[derive(Debug)]
pub(super) struct Writer {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Writer {
    /// Writes what has come until now. What calls still gather is lost with the process.
    pub(super) async fn finish(self) {
        let _ = self.stop.send(());
        let _ = self.ended.await;
    }
}

/// Takes records and makes versions of them; what is given back takes them from calls.
pub(super) fn keep(
    tasks: &mut JoinSet<()>,
    platform: &Arc<Platform>,
) -> anyhow::Result<(Arc<Recorder>, Writer)> {
    let (recorder, records) = Recorder::new(HELD_BYTES_MAX);
    let counted = Arc::clone(&recorder);
    let dropped = Box::new(move |project| counted.dropped(project));
    let spool = CaptureSpool::open(Arc::clone(platform), dropped);
    let spool = spool.context("cannot read what was captured and is in no version yet")?;
    platform.set_captures(Box::new(SharedSpool(Arc::clone(&spool))));
    tasks.spawn(Arc::clone(&spool).run());
    let ((tell, ended), (stop, stopped)) = (oneshot::channel(), oneshot::channel());
    let counted = Arc::clone(&recorder);
    tasks.spawn(async move {
        write(&spool, &counted, records, stopped).await;
        let _ = tell.send(());
        // A task of the platform that ends by itself is a fault.
        std::future::pending::<()>().await;
    });
    Ok((recorder, Writer { stop, ended }))
}

async fn write(
    spool: &CaptureSpool,
    recorder: &Recorder,
    mut records: UnboundedReceiver<Captured>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut taken = Vec::with_capacity(WRITTEN_AT_ONCE);
    loop {
        tokio::select! {
            biased;
            n = records.recv_many(&mut taken, WRITTEN_AT_ONCE) => if n == 0 { return },
            _ = &mut stopped => return,
        }
        let lines = taken.iter_mut().map(|record| CapturedLine {
            project: record.project,
            dataset: record.dataset,
            at: record.at,
            line: std::mem::take(&mut record.line),
        });
        for (project, n) in spool.write(lines.collect()).await {
            recorder.drop_records(project, n);
        }
        // Their room is given back when they have been written.
        taken.clear();
    }
}
