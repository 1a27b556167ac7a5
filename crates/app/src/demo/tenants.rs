//! Steps 1 to 3: the machine, the tenants with their money and policy, the dataset.

use anyhow::Context as _;
use api::{
    client::Options,
    endpoint::Nothing,
    nouns::{
        budget::{BudgetCreate, BudgetNew},
        common::IdPath,
        dataset::{
            DatasetCreate, DatasetNew, DatasetOrigin, DatasetVersionCreate, DatasetVersionNew,
        },
        node::{NodeList, NodeQuery},
        organisation::{OrganisationCreate, OrganisationNew},
        policy::{PolicyNew, PolicySet},
        project::{ProjectCreate, ProjectNew},
    },
    text::AllowanceText,
};
use units::DataClass;

use super::{Dataset, ORGANISATION, PROJECT, SANDBOX, Stage, project};
use crate::cli::artefact;

/// Restricted data stays in France: a permit there, and a forbid everywhere else.
const POLICY: &str = include_str!("policy.cedar");

impl Stage {
    /// Shows the address and the machine as a node.
    pub(super) fn show_machine(&self) -> anyhow::Result<()> {
        let ready = self.process.ready_after().as_millis();
        self.voice.line(&format!("console at {} (ready in {ready} ms)", self.process.url()));
        let nodes = self.client.get::<NodeList>(&Nothing {}, &NodeQuery::default())?;
        let node = nodes.items.first().context("this machine is not a node")?;
        let gpus = match (node.gpus.0, &node.gpu_model) {
            (0, _) => "no GPU".to_owned(),
            (n, model) => format!("{n} × {}", model.as_deref().unwrap_or("GPU")),
        };
        let facts = node.facts.as_ref();
        self.voice.line(&format!(
            "node {}: {} cores ({}), {:.1} GiB memory, {gpus}",
            node.name,
            node.cpu_milli.0 / 1_000,
            facts.map_or("unknown", |facts| facts.cpu_model.as_str()),
            crate::up::gib(node.memory_bytes.0),
        ));
        if let Some(facts) = facts {
            self.voice.line(&format!(
                "limits by {}; sandbox {}; energy {}",
                facts.limits, facts.sandbox, facts.power_source
            ));
        }
        Ok(())
    }

    /// Creates the organisation, its projects, budgets and policy.
    pub(super) fn make_tenants(&mut self) -> anyhow::Result<()> {
        self.voice.step("an organisation, two projects, budgets, a policy");
        let options = Options::default();
        let organisation =
            OrganisationNew { name: ORGANISATION.parse()?, currency: Default::default() };
        self.client.call::<OrganisationCreate>(
            &Nothing {},
            &Nothing {},
            &organisation,
            &options,
        )?;
        for name in [PROJECT, SANDBOX] {
            let new = ProjectNew { organisation: ORGANISATION.parse()?, name: name.parse()? };
            self.client.call::<ProjectCreate>(&Nothing {}, &Nothing {}, &new, &options)?;
        }
        let budgets = [(PROJECT, "5 EUR"), (SANDBOX, "0.00003 EUR")];
        for (name, limit) in budgets {
            let new = BudgetNew {
                organisation: None,
                project: Some(format!("{ORGANISATION}/{name}").parse()?),
                user: None,
                service_account: None,
                key: None,
                name: "novembre".parse()?,
                limit: AllowanceText(limit.parse().map_err(anyhow::Error::msg)?),
                period: None,
                alerts: None,
                hard_stop: None,
            };
            self.client.call::<BudgetCreate>(&Nothing {}, &Nothing {}, &new, &options)?;
        }
        let policy = PolicyNew {
            scope: ORGANISATION.parse()?,
            name: "residence".parse()?,
            text: POLICY.to_owned(),
        };
        self.client.call::<PolicySet>(&Nothing {}, &Nothing {}, &policy, &options)?;
        self.voice.line(&format!(
            "{ORGANISATION}/{PROJECT} with 5 EUR, {ORGANISATION}/{SANDBOX} with 0.00003 EUR"
        ));
        self.voice.line("policy `residence`: data of class restricted stays in FR");
        Ok(())
    }

    /// Generates the dataset and registers it.
    pub(super) fn make_dataset(&mut self) -> anyhow::Result<Dataset> {
        self.voice.step("a dataset: French number words, digits and small sums");
        let folder = self.folder.join("dataset");
        let settings = lm::dataset::Settings { seed: self.seed, ..Default::default() };
        let report = lm::dataset::write(&settings, &folder)?;
        let manifest = artefact::upload(&self.client, &folder)?.digest;
        let new = DatasetNew {
            project: project().parse()?,
            name: "nombres".parse()?,
            class: DataClass::Restricted,
            origin: DatasetOrigin::Given,
        };
        let options = Options::default();
        let dataset =
            self.client.call::<DatasetCreate>(&Nothing {}, &Nothing {}, &new, &options)?;
        let version = self.client.call::<DatasetVersionCreate>(
            &IdPath { id: dataset.id },
            &Nothing {},
            &DatasetVersionNew { manifest, parents: Vec::new() },
            &options,
        )?;
        self.voice.line(&format!(
            "{} examples to train on, {} held out that share none; class restricted",
            report.train_samples, report.heldout_samples
        ));
        self.voice.line(&format!(
            "dataset://{} = {} files, {} bytes, manifest {}",
            version.reference,
            version.n_files,
            version.size_bytes.0,
            version.manifest.short()
        ));
        Ok(Dataset {
            reference: format!("dataset://{}", version.reference),
            heldout: folder.join("heldout.jsonl"),
        })
    }
}
