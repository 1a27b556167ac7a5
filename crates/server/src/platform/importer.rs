//! Registers what succeeded workloads made: a model from the output folder, signed, with its
//! lineage; or the evaluation of a model version from `report.json`.
//!
//! Level-triggered: whatever the state lists as pending is imported, also after a restart. The
//! output folder is a workload's: links are not followed and sizes are bounded by the blob store.

use std::{fs, path::Path, sync::Arc, time::Duration};

use kernel::{
    Actor, Command, Submission,
    model::{self, Artefact, Lineage},
    workload::{self, Workload},
};
use serde::Deserialize;
use units::{Bytes, Digest, Id, kinds};

use super::{Platform, signature::SignedFile};

/// How often pending outputs are looked at without a change.
const TICK: Duration = Duration::from_secs(2);
/// Bytes of a `report.json` that are read.
const REPORT_BYTES_MAX: u64 = 1 << 20;

/// The fields of `report.json` that the platform reads; further ones are the workload's own.
#[derive(Debug, Default, Deserialize)]
struct OutputReport {
    /// An evaluation's metric.
    metric: Option<String>,
    /// Items answered correctly.
    correct: Option<u64>,
    /// Items asked.
    total: Option<u64>,
    /// Training compute in floating-point operations.
    #[serde(default, alias = "training_flop")]
    flop: Option<u64>,
}

/// Runs until the platform stops.
pub async fn run(platform: Arc<Platform>) {
    let mut changes = platform.watch();
    loop {
        let pending: Vec<Workload> =
            platform.read(|state| state.outputs_pending().cloned().collect());
        for workload in pending {
            let id = workload.id;
            let here = Arc::clone(&platform);
            let _kept = platform.hold_content().await;
            let prepared = tokio::task::spawn_blocking(move || prepare(&here, &workload)).await;
            let command = match prepared {
                Ok(Ok(command)) => command,
                Ok(Err(message)) => failed(id, message),
                Err(error) => failed(id, error.to_string()),
            };
            if let Err(error) = platform.submit(Actor::System, Submission::new(command)).await {
                tracing::warn!(%error, workload.id = %id, "outputs of {id} were not registered");
                let command = failed(id, error.to_string());
                let _ = platform.submit(Actor::System, Submission::new(command)).await;
            }
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

fn failed(id: Id<kinds::Workload>, message: String) -> Command {
    Command::Workload(workload::Command::FailOutputs { id, message })
}

fn prepare(platform: &Platform, workload: &Workload) -> Result<Command, String> {
    let out = platform.workload_dir(workload.id).join("work").join("out");
    let report = read_report(&out.join("report.json"))?;
    if let Some(artefact) = workload.spec.outputs.evaluates {
        return evaluation(workload, artefact, report);
    }
    let id = workload.spec.outputs.model.ok_or("the workload names no output")?;
    let imported = platform.blobs().import_dir(&out).map_err(|error| error.to_string())?;
    let files: Vec<SignedFile> = imported
        .manifest
        .files
        .iter()
        .map(|file| SignedFile { path: file.path.clone(), digest: file.digest })
        .collect();
    let name = platform.read(|state| state.models.get(&id).map(|model| model.name.to_string()));
    let bundle = platform
        .signer()
        .sign(&name.unwrap_or_else(|| id.to_string()), &files)
        .map_err(|error| error.to_string())?;
    let signature = store_bytes(platform, bundle.as_bytes())?;
    Ok(Command::Model(model::Command::AddVersion(model::AddVersion {
        id,
        manifest: imported.digest,
        files: u32::try_from(imported.manifest.files.len()).unwrap_or(u32::MAX),
        size: Bytes(imported.manifest.size()),
        class: workload.class,
        lineage: Lineage {
            workload: Some(workload.id),
            inputs: workload.spec.inputs.iter().map(|input| input.artefact).collect(),
            program: platform.program().to_owned(),
            training_flop: report.flop,
        },
        signature: Some(signature),
    })))
}

fn store_bytes(platform: &Platform, bytes: &[u8]) -> Result<Digest, String> {
    let max = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let stored = platform.blobs().put_reader(&mut &*bytes, None, max);
    stored.map(|stored| stored.digest).map_err(|error| error.to_string())
}

fn evaluation(
    workload: &Workload,
    artefact: Artefact,
    report: OutputReport,
) -> Result<Command, String> {
    let Artefact::Model { id, version } = artefact else {
        return Err("only a model version can be evaluated".to_owned());
    };
    let missing =
        |field| format!("`out/report.json` has no `{field}`: write metric, correct and total");
    let dataset = workload.spec.inputs.iter().map(|input| input.artefact).find(|a| match a {
        Artefact::Dataset { .. } => true,
        Artefact::Model { .. } => false,
    });
    Ok(Command::Model(model::Command::RecordEvaluation {
        id,
        version,
        metric: report.metric.ok_or_else(|| missing("metric"))?,
        correct: report.correct.ok_or_else(|| missing("correct"))?,
        total: report.total.ok_or_else(|| missing("total"))?,
        workload: Some(workload.id),
        dataset,
    }))
}

/// The workload's report; an absent file is an empty report, a broken one is an error.
fn read_report(path: &Path) -> Result<OutputReport, String> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(OutputReport::default());
        }
        Err(error) => return Err(format!("`out/report.json` cannot be read: {error}")),
    };
    if !meta.is_file() || meta.len() > REPORT_BYTES_MAX {
        return Err("`out/report.json` must be a plain file of at most 1 MiB".to_owned());
    }
    let text = fs::read(path).map_err(|error| format!("`out/report.json`: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("`out/report.json`: {error}"))
}
