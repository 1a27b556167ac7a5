//! The control plane and the artefact store as the engine sees them.

use std::{path::Path, sync::Arc};

use api::engine::{AttemptReport, DesiredNode};
use exec::{ArtefactError, Artefacts, ControlPlane, ReportError};
use server::{Platform, SubmitFailure};
use tokio::sync::{Mutex, watch};
use units::{Digest, Id, kinds};

/// The platform in this process, for an engine that is one node or several.
#[derive(Debug)]
pub(super) struct Control {
    platform: Arc<Platform>,
    nodes: Vec<Id<kinds::Node>>,
    changes: Mutex<watch::Receiver<u64>>,
}

impl Control {
    /// The control plane of these nodes, at least one.
    pub(super) fn new(platform: Arc<Platform>, nodes: Vec<Id<kinds::Node>>) -> Self {
        let changes = Mutex::new(platform.watch());
        Self { platform, nodes, changes }
    }
}

impl ControlPlane for Control {
    fn desired(&self) -> DesiredNode {
        self.platform.desired_nodes(&self.nodes)
    }

    async fn report(&self, reports: Vec<AttemptReport>) -> Result<(), ReportError> {
        for report in &reports {
            match self.platform.report(report).await {
                Ok(()) => {}
                Err(SubmitFailure::Reject(reject)) => {
                    // One stale report must not hold the others up.
                    tracing::debug!(%reject, workload.id = %report.workload, "a report was refused");
                }
                Err(error) => {
                    return Err(ReportError::Unavailable { message: error.to_string() });
                }
            }
        }
        Ok(())
    }

    async fn changed(&self) {
        // The platform outlives its engine; an error means that everything is about to end.
        if self.changes.lock().await.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Inputs from the platform's blobs.
#[derive(Debug)]
pub(super) struct BlobArtefacts {
    platform: Arc<Platform>,
}

impl BlobArtefacts {
    /// The blobs of a platform.
    pub(super) const fn new(platform: Arc<Platform>) -> Self {
        Self { platform }
    }
}

impl Artefacts for BlobArtefacts {
    fn materialise(&self, manifest: Digest, into: &Path) -> Result<(), ArtefactError> {
        self.platform.materialise(manifest, into).map_err(|error| match error {
            server::MaterialiseError::Missing => ArtefactError::Missing { manifest },
            server::MaterialiseError::Io(source) => ArtefactError::Io { manifest, source },
            server::MaterialiseError::Damaged(detail) => {
                ArtefactError::Damaged { manifest, detail }
            }
        })
    }
}
