//! `cocarde demo`: the whole life cycle on this machine, for real, in under four minutes.
//!
//! Nothing here is simulated and no answer is canned: the platform is this program run as a second
//! process, the jobs are processes of its engine, and every figure shown was read back from it. A
//! step that does not hold ends the demo with exit code 1.

mod ask;
mod bill;
mod crash;
mod limits;
mod platform;
mod proof;
mod say;
mod tenants;
mod train;
mod wait;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Context as _;
use api::client::Client;
use units::{Id, kinds};

use self::{platform::Process, say::Voice};

/// What the demo needs to know.
#[derive(Debug, Clone)]
pub(crate) struct DemoConfig {
    /// Where to keep the data; a temporary folder that is removed if absent.
    pub(crate) data: Option<PathBuf>,
    /// Seed of the dataset and of the training.
    pub(crate) seed: u64,
}

/// What the steps hand to each other.
struct Stage {
    voice: Voice,
    process: Process,
    client: Client,
    /// Where the demo's own files go.
    folder: PathBuf,
    seed: u64,
}

/// The names of the demo's tenant.
const ORGANISATION: &str = "exemple";
const PROJECT: &str = "nombres";
const SANDBOX: &str = "bac-a-sable";
const MODEL: &str = "nombres";

/// Runs the demo.
///
/// # Errors
/// If a step does not hold.
pub(crate) fn run(config: &DemoConfig) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let temporary = match &config.data {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("cocarde-demo-").tempdir()?),
    };
    let data = match (&config.data, &temporary) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => anyhow::bail!("no data folder"),
    };
    let folder = data.join("demo");
    if folder.exists() {
        anyhow::bail!(
            "`{}` holds an earlier demo: remove it, or choose another folder with `--data`",
            data.display()
        );
    }
    let outcome = walk(config, &data, folder);
    if let Some(folder) = temporary {
        let _ = folder.close();
    }
    let voice = outcome?;
    voice.end(started.elapsed(), config.data.as_deref());
    Ok(ExitCode::SUCCESS)
}

fn walk(config: &DemoConfig, data: &std::path::Path, folder: PathBuf) -> anyhow::Result<Voice> {
    let mut voice = Voice::new();
    voice.step("the platform starts on this machine");
    // Only after the platform has made the folder its own: it refuses one that holds other files.
    let process = Process::start(data)?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    let client = process.client()?;
    let mut stage = Stage { voice, process, client, folder, seed: config.seed };
    stage.show_machine()?;
    stage.make_tenants()?;
    let dataset = stage.make_dataset()?;
    let training = stage.train(&dataset)?;
    stage.evaluate(&training)?;
    stage.show_model(&training)?;
    let endpoint = stage.deploy(&training)?;
    let key = stage.ask(&endpoint)?;
    stage.forbidden_job()?;
    stage.budget_stops_a_job()?;
    stage.show_bill()?;
    stage.survive_a_kill()?;
    stage.prove(&training, &key)?;
    let Stage { voice, process, .. } = stage;
    process.stop()?;
    Ok(voice)
}

/// A training and what it made.
struct Training {
    workload: Id<kinds::Workload>,
    model: Id<kinds::Model>,
    version: u32,
    heldout: PathBuf,
}

/// The dataset of the demo.
struct Dataset {
    reference: String,
    heldout: PathBuf,
}

/// `organisation/project` of the demo.
fn project() -> String {
    format!("{ORGANISATION}/{PROJECT}")
}
