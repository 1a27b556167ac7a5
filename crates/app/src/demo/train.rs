//! Steps 4 to 6: training that survives a kill, evaluation on held-out data, registry and service.

use anyhow::{Context as _, bail, ensure};
use api::{
    client::Options,
    endpoint::Nothing,
    nouns::{
        artefact::{DigestPath, ManifestFile, ManifestGet},
        common::{IdPath, ProjectNamedQuery},
        model::ModelList,
        model_endpoint::{EndpointCreate, EndpointGet, ModelEndpoint, ModelEndpointNew},
        model_version::{ModelVersion, ModelVersionGet, ModelVersionPath},
        workload::Workload,
        workload_insight::{MetricsQuery, WorkloadMetrics},
    },
};
use serde_json::{Map, Value};
use units::{Id, kinds};

use super::{Dataset, MODEL, PROJECT, Stage, Training, project, wait};

/// Longest training.
const TRAIN_SECS_MAX: u64 = 600;
/// The demo fails below this share of exact answers, in percent.
const EXACT_PERCENT_MIN: u64 = 90;
/// The training is killed once it is this far, in percent, to show that it resumes.
const KILL_AT_PERCENT: u64 = 30;

impl Stage {
    /// Trains, kills the training process on the way, and waits for its end.
    pub(super) fn train(&mut self, dataset: &Dataset) -> anyhow::Result<Training> {
        self.voice.step("a training job: a Mistral-architecture decoder, from nothing");
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get().min(2));
        let job = format!(
            "type: train\nname: {MODEL}\nproject: {}\n\
             resources: {{ cpu: {cores}, memory: 2GiB }}\n\
             run: cocarde lm train --data data --threads {cores} --seed {}\n\
             data: {{ /data: \"{}\" }}\n\
             checkpoint: {{ path: /ckpt, grace: 30s }}\n\
             retry: {{ on: [failure], max: 3 }}\n\
             limits: {{ time: 15m, budget: 1 EUR }}\n\
             outputs: {{ model: \"registry://{PROJECT}/{MODEL}\" }}\n",
            project(),
            self.seed,
            dataset.reference,
        );
        let workload = wait::submit(&self.client, &job)?;
        self.voice.line(&format!("{} submitted: {cores} cores, 2 GiB", workload.id));
        let ended = self.follow_training(workload.id)?;
        wait::require_success(&self.client, &ended)?;
        let (model, version) = self.registered(workload.id)?;
        Ok(Training { workload: workload.id, model, version, heldout: dataset.heldout.clone() })
    }

    fn follow_training(&self, id: Id<kinds::Workload>) -> anyhow::Result<Workload> {
        let mut progress = self.voice.progress(100);
        let mut killed_at = None;
        let mut last = String::new();
        let ended = wait::until("the end of the training", TRAIN_SECS_MAX, || {
            let workload = wait::get(&self.client, id)?;
            if let Some(line) = self.last_metric(id)? {
                let (step, steps) = (number(&line, "step"), number(&line, "steps"));
                last = summary(&line);
                progress.at(&self.voice, step, steps, &last);
                if killed_at.is_none() && steps > 0 && step * 100 >= steps * KILL_AT_PERCENT {
                    let pid = kill_process_of(id)?;
                    killed_at = Some(step);
                    self.voice.line(&format!("SIGKILL to the training (pid {pid}) at step {step}"));
                }
            }
            Ok(wait::is_final(workload.state).then_some(workload))
        })?;
        progress.done();
        ensure!(killed_at.is_some(), "the training was over before it could be killed");
        ensure!(ended.attempt > 1, "the killed training did not start again");
        self.voice.line(&format!("attempt {} went on from the checkpoint: {last}", ended.attempt));
        Ok(ended)
    }

    fn last_metric(&self, id: Id<kinds::Workload>) -> anyhow::Result<Option<Map<String, Value>>> {
        let query = MetricsQuery { tail_lines: Some(1) };
        let progress = self.client.get::<WorkloadMetrics>(&IdPath { id }, &query)?;
        Ok(progress.lines.into_iter().next_back())
    }

    /// Waits until the importer has registered what the training made.
    fn registered(&self, id: Id<kinds::Workload>) -> anyhow::Result<(Id<kinds::Model>, u32)> {
        let output = wait::until("the registration of the model", 60, || {
            Ok(wait::get(&self.client, id)?.output)
        })?;
        let number = output.artefact_version.context("the output has no version")?;
        let query = ProjectNamedQuery {
            project: Some(project().parse()?),
            name: Some(output.name.clone()),
            ..ProjectNamedQuery::default()
        };
        let models = self.client.get::<ModelList>(&Nothing {}, &query)?;
        let model = models.items.first().context("the model is not listed")?;
        Ok((model.id, number))
    }

    /// Measures the model on what it has never seen.
    pub(super) fn evaluate(&mut self, training: &Training) -> anyhow::Result<()> {
        self.voice.step("an evaluation on the held-out split");
        let job = format!(
            "type: eval\nname: {MODEL}-eval\nproject: {}\nresources: {{ cpu: 1, memory: 1GiB }}\n\
             run: cocarde lm eval --model model --data data/heldout.jsonl\n\
             data: {{ /model: \"model://{PROJECT}/{MODEL}@v{}\", /data: \"dataset://{PROJECT}/nombres@v1\" }}\n",
            project(),
            training.version,
        );
        let workload = wait::submit(&self.client, &job)?;
        let ended = wait::ended(&self.client, workload.id, "the end of the evaluation", 120)?;
        wait::require_success(&self.client, &ended)?;
        let evaluation = wait::until("the record of the evaluation", 30, || {
            Ok(self.model_version(training)?.evaluations.into_iter().next())
        })?;
        let (correct, total) = (evaluation.correct, evaluation.total);
        let permille = correct.saturating_mul(1_000) / total.max(1);
        self.voice.line(&format!(
            "{}: {correct} of {total} held-out examples ({}.{} %), by {}",
            evaluation.metric,
            permille / 10,
            permille % 10,
            workload.id
        ));
        if correct.saturating_mul(100) < total.saturating_mul(EXACT_PERCENT_MIN) {
            bail!("the model answers less than {EXACT_PERCENT_MIN} % exactly");
        }
        Ok(())
    }

    /// The version that the training made.
    pub(super) fn model_version(&self, training: &Training) -> anyhow::Result<ModelVersion> {
        let path = ModelVersionPath { id: training.model, number: training.version };
        Ok(self.client.get::<ModelVersionGet>(&path, &Nothing {})?)
    }

    /// Shows what the registry holds.
    pub(super) fn show_model(&mut self, training: &Training) -> anyhow::Result<()> {
        self.voice.step("the registry: content, signature, lineage");
        let version = self.model_version(training)?;
        self.check_signature(&version)?;
        self.voice.line(&format!(
            "model://{} = {} files, {} bytes, {}",
            version.reference,
            version.n_files,
            version.size_bytes.0,
            version.manifest.short()
        ));
        let lineage = &version.lineage;
        let dataset = lineage.dataset.as_ref().context("the lineage names no dataset")?;
        let program = lineage.software.clone().unwrap_or_default();
        self.voice.line(&format!(
            "OpenSSF model signature verified; from dataset://{dataset}, {}, {}",
            training.workload,
            program.chars().take(36).collect::<String>()
        ));
        Ok(())
    }

    /// Checks the model's signature against its files, as anyone can who has the public key.
    fn check_signature(&self, version: &ModelVersion) -> anyhow::Result<()> {
        let bundle = version.signature.as_ref().context("the model version is not signed")?;
        let path = DigestPath { digest: version.manifest };
        let manifest = self.client.get::<ManifestGet>(&path, &Nothing {})?;
        let signed =
            |file: ManifestFile| server::SignedFile { path: file.path, digest: file.digest };
        let files: Vec<server::SignedFile> = manifest.files.into_iter().map(signed).collect();
        let public_key = server::model_public_key(self.process.data())?;
        server::verify_model(bundle, &public_key, &files).context("the model's signature")
    }

    /// Deploys the model behind a public name.
    pub(super) fn deploy(&mut self, training: &Training) -> anyhow::Result<ModelEndpoint> {
        let new = ModelEndpointNew {
            project: project().parse()?,
            name: MODEL.parse()?,
            model: Some(format!("{PROJECT}/{MODEL}@v{}", training.version).parse()?),
            backends: Vec::new(),
            class: None,
            replicas: 1,
        };
        let options = Options::default();
        let created =
            self.client.call::<EndpointCreate>(&Nothing {}, &Nothing {}, &new, &options)?;
        let path = IdPath { id: created.id };
        let ready = wait::until("the service's first healthy probe", 60, || {
            let endpoint = self.client.get::<EndpointGet>(&path, &Nothing {})?;
            Ok((endpoint.replicas_ready > 0).then_some(endpoint))
        })?;
        self.voice.line(&format!("{} serves it as `{}`, health-probed", ready.id, ready.name));
        Ok(ready)
    }
}

fn number(line: &Map<String, Value>, field: &str) -> u64 {
    line.get(field).and_then(Value::as_u64).unwrap_or(0)
}

fn summary(line: &Map<String, Value>) -> String {
    let float = |field| line.get(field).and_then(Value::as_f64).unwrap_or(f64::NAN);
    format!(
        "step {}, loss {:.3}, {:.0} tokens/s",
        number(line, "step"),
        float("loss"),
        float("tokens_per_second")
    )
}

/// Kills the training process itself, as an operator's mistake or a kernel would; its supervisor
/// is left alone.
pub(super) fn kill_process_of(id: Id<kinds::Workload>) -> anyhow::Result<i32> {
    let marker = format!("COCARDE_WORKLOAD={id}");
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let pid = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<i32>().ok());
        let Some(pid) = pid else { continue };
        // Processes come and go, and others' are closed to us: what cannot be read is not ours.
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        let arguments = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let arguments: Vec<&[u8]> = arguments.split(|byte| *byte == 0).collect();
        let ours = environment.split(|byte| *byte == 0).any(|v| v == marker.as_bytes());
        let trains = arguments.get(1..3).is_some_and(|words| words == [b"lm".as_slice(), b"train"]);
        if ours && trains {
            let target = rustix::process::Pid::from_raw(pid).context("a process id of 0")?;
            rustix::process::kill_process(target, rustix::process::Signal::KILL)
                .with_context(|| format!("cannot kill process {pid}"))?;
            return Ok(pid);
        }
    }
    bail!("no training process of {id} was found")
}
