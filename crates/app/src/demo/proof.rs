//! Step 11: the proof. Everything here is checked from files, without the platform's word.

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, bail, ensure};
use api::{
    endpoint::Nothing,
    nouns::{
        entry::{ReceiptGet, ReceiptQuery, SubjectPath},
        proof::LogKeyGet,
    },
};
use serde_json::json;

use super::{MODEL, Stage, Training};
use crate::cli::artefact;

/// Prompts that the independent check of the model asks.
const N_PROMPTS: usize = 50;

impl Stage {
    /// Audits the log, proves the training with a receipt, and shows that a flipped byte is found.
    pub(super) fn prove(&mut self, training: &Training, key: &str) -> anyhow::Result<()> {
        self.voice.step("the proof: audit, receipt, and a flipped byte");
        let data = self.process.data().to_owned();
        let report = store::audit::verify(&data, &store::audit::Options::default())
            .context("the audit could not run")?;
        ensure!(report.is_sound(), "the audit found: {:?}", report.findings);
        self.voice.line(&format!(
            "{} entries, Merkle root {}, {} signed checkpoints, {} placements against the policy then in force: sound",
            report.entries, report.root, report.checkpoints, report.placements
        ));
        let verifier = self.text_of::<LogKeyGet>(&Nothing {}, &Nothing {})?;
        let receipt_path = self.folder.join("receipt.json");
        let path = SubjectPath { id: training.workload.to_string() };
        let receipt = self.text_of::<ReceiptGet>(&path, &ReceiptQuery::default())?;
        std::fs::write(&receipt_path, &receipt)?;
        let proven = store::audit::verify_receipt(receipt.as_bytes(), &verifier.trim().parse()?)
            .context("the receipt does not hold")?;
        self.voice.line(&format!(
            "receipt of {}: {} entries proven offline against the checkpoint at size {}",
            training.workload,
            proven.entries.len(),
            proven.checkpoint.size()
        ));
        self.flip_a_byte(&data, &receipt, &verifier)?;
        self.write_interop(training, key, &verifier, &receipt_path)
    }

    /// Flips one byte in a copy of the database and one in a copy of the receipt.
    fn flip_a_byte(&self, data: &Path, receipt: &str, verifier: &str) -> anyhow::Result<()> {
        let copy = tempfile::Builder::new().prefix("cocarde-demo-copy-").tempdir()?;
        let copied = copy.path().join("data");
        store::backup::backup(data, &copied).context("the copy could not be made")?;
        flip_in_file(&copied.join("log.db"), b"cocarde lm train")?;
        let report = store::audit::verify(&copied, &store::audit::Options::default())?;
        let found = report.findings.first().context("a flipped byte in the log was not found")?;
        let at = found.seq.map_or_else(|| "?".to_owned(), |seq| seq.to_string());
        self.voice.line(&format!(
            "one byte of the job's script flipped in a copy: found at entry {at} ({})",
            found.message
        ));
        let mut broken = receipt.as_bytes().to_vec();
        let position = receipt.find("\"leaf\"").context("the receipt holds no leaf")? + 12;
        let byte = broken.get_mut(position).context("the receipt is too short")?;
        *byte = if *byte == b'A' { b'B' } else { b'A' };
        if store::audit::verify_receipt(&broken, &verifier.trim().parse()?).is_ok() {
            bail!("a flipped byte in the receipt was not found");
        }
        self.voice.line("one byte of the receipt flipped in a copy: found");
        Ok(())
    }

    /// Leaves what independent tools need to check all this again.
    fn write_interop(
        &self,
        training: &Training,
        key: &str,
        verifier: &str,
        receipt: &Path,
    ) -> anyhow::Result<()> {
        let version = self.model_version(training)?;
        let model_dir = self.folder.join("model");
        artefact::download(&self.client, version.manifest, &model_dir)?;
        let signature = self.folder.join("model.sig");
        std::fs::write(&signature, version.signature.unwrap_or_default())?;
        let public_key = self.folder.join("model-key.pem");
        let public = server::model_public_key(self.process.data())?;
        std::fs::write(&public_key, public)?;
        let prompts = self.folder.join("prompts.json");
        std::fs::write(&prompts, serde_json::to_vec(&self.prompts(training)?)?)?;
        let verifier_file = self.folder.join("log.vkey");
        std::fs::write(&verifier_file, verifier)?;
        let text = json!({
            "model_dir": model_dir,
            "signature": signature,
            "public_key": public_key,
            "prompts": prompts,
            "receipt": receipt,
            "log_vkey": verifier.trim(),
            "api_key": key,
            "model": MODEL,
            "admin_token": self.process.token(),
        });
        std::fs::write(self.folder.join("interop.json"), serde_json::to_vec_pretty(&text)?)?;
        self.voice.line(&format!("files for independent checks: {}", self.folder.display()));
        Ok(())
    }

    fn prompts(&self, training: &Training) -> anyhow::Result<Vec<String>> {
        let samples = lm::dataset::read(&training.heldout)?;
        Ok(samples.into_iter().take(N_PROMPTS).map(|sample| sample.prompt).collect())
    }

    fn text_of<E>(&self, path: &E::Path, query: &E::Query) -> anyhow::Result<String>
    where
        E: api::endpoint::Endpoint<Body = Nothing>,
    {
        let mut text = String::new();
        self.client.stream::<E>(path, query)?.take(64 << 20).read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Flips one bit of the first place where a file holds `text`.
fn flip_in_file(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let mut bytes = std::fs::read(path)?;
    let at = bytes.windows(text.len()).position(|window| window == text);
    let at = at.with_context(|| format!("`{}` does not hold the job's script", path.display()))?;
    let byte = bytes.get_mut(at).context("a position that was just found")?;
    *byte ^= 1;
    std::fs::write(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}
