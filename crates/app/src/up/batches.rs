//! Files and batches of tenants: what seals them, who may keep them, and the task that works on them.

use std::sync::Arc;

use anyhow::Context as _;
use gateway::{BatchConfig, Caller, Front, Refusal, Safe, SafeError, Seal};
use store::vault::ContentKey;
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
};
use units::{Id, kinds};

use super::gateway::{Wire, to_refusal};

/// The key of a project's content.
#[derive(Debug)]
struct Sealed(ContentKey);

impl Safe for Wire {
    fn may_keep(&self, caller: &Caller) -> Result<(), Refusal> {
        self.platform.may_keep_content(caller.key, caller.project).map_err(to_refusal)
    }

    fn holder(&self, key: Id<kinds::Key>) -> Result<Caller, Refusal> {
        self.platform.key_caller(key).map(|calling| self.caller_of(calling)).map_err(to_refusal)
    }

    fn seal_of(&self, project: Id<kinds::Project>) -> Result<Arc<dyn Seal>, SafeError> {
        let key = self.platform.content_key(project).map_err(|error| unsealed(&error))?;
        Ok(Arc::new(Sealed(key)))
    }
}

impl Seal for Sealed {
    fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, SafeError> {
        self.0.seal(place, plain).map_err(|error| unsealed(&error))
    }

    fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, SafeError> {
        self.0.open(place, sealed).map_err(|error| unsealed(&error))
    }
}

fn unsealed(error: &dyn std::error::Error) -> SafeError {
    SafeError { detail: error.to_string() }
}

/// Keeps files and batches, and works on them until asked to stop; what is given back says when that has ended.
pub(super) fn keep(
    tasks: &mut JoinSet<()>,
    stopped: &watch::Receiver<bool>,
    front: &Front,
    wire: Wire,
) -> anyhow::Result<oneshot::Receiver<()>> {
    let config = BatchConfig::new(wire.platform.content_folder());
    let batches = front.keep_batches(config, Arc::new(wire)).context("cannot open `content`")?;
    let (tell, told) = oneshot::channel();
    let mut stopped = stopped.clone();
    tasks.spawn(async move {
        let stop = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        batches.run(stop).await;
        // Whoever ends the process waits for it, for a while.
        let _ = tell.send(());
    });
    Ok(told)
}
