//! Step 8: a job that policy forbids, and a budget that stops one.

use anyhow::{bail, ensure};
use api::{
    client::{ClientError, Options},
    endpoint::Nothing,
    nouns::{
        site::{SiteCreate, SiteNew},
        workload::WorkloadState,
    },
    problem::{Code, Problem},
};

use super::{ORGANISATION, SANDBOX, Stage, project, wait};

impl Stage {
    /// Tries to send restricted data to a site abroad.
    pub(super) fn forbidden_job(&mut self) -> anyhow::Result<()> {
        self.voice.step("a job that the policy forbids, and a budget that stops one");
        let site = SiteNew {
            name: "francfort".parse()?,
            country: "DE".parse()?,
            operator: "Exemple GmbH".to_owned(),
            operator_country: "DE".parse()?,
            operator_entity: "local-operator".parse()?,
            owner_entity: "local-operator".parse()?,
            certifications: Vec::new(),
            pue_milli: 1_300,
            carbon_g_per_kwh: 381,
            carbon_source: "codecarbon 3.3.2, annual value for DEU".to_owned(),
            power_cap_w: None,
        };
        self.client.call::<SiteCreate>(&Nothing {}, &Nothing {}, &site, &Options::default())?;
        let job = format!(
            "type: batch\nname: exode\nproject: {}\nrun: cat data/train.jsonl\n\
             data: {{ /data: \"dataset://nombres/nombres@v1\" }}\n\
             residency: {{ countries: [DE] }}\n",
            project()
        );
        let problem = self.refused(
            &job,
            Code::ForbiddenByPolicy,
            "a job that takes restricted data to DE was accepted",
        )?;
        self.voice.line(&format!("refused: {}", problem.detail));
        if let Some(remedy) = &problem.remedy {
            self.voice.line(&format!("remedy:  {remedy}"));
        }
        Ok(())
    }

    /// Lets a small budget stop a job that would run for an hour.
    pub(super) fn budget_stops_a_job(&self) -> anyhow::Result<()> {
        let job = format!(
            "type: batch\nname: sans-fin\nproject: {ORGANISATION}/{SANDBOX}\n\
             resources: {{ cpu: 1, memory: 256MiB }}\nrun: \"while :; do :; done\"\n\
             checkpoint: {{ grace: 1s }}\n"
        );
        let workload = wait::submit(&self.client, &job)?;
        let ended = wait::ended(&self.client, workload.id, "the stop by the budget", 90)?;
        let reason = ended.state_reason.clone().unwrap_or_default();
        ensure!(
            ended.state == WorkloadState::Stopped && reason.contains("budget"),
            "the job ended as {:?}: {reason}",
            ended.state
        );
        self.voice.line(&format!(
            "{} of {SANDBOX} stopped: {reason}, after {}",
            ended.id, ended.cost_microeuro
        ));
        let problem = self.refused(
            &job,
            Code::BudgetExhausted,
            "a project without money could submit a job",
        )?;
        self.voice.line(&format!("the next one is refused: {}", problem.detail));
        Ok(())
    }

    /// Submits a job that must be refused with this code; `otherwise` says what it means if not.
    fn refused(&self, job: &str, code: Code, otherwise: &str) -> anyhow::Result<Problem> {
        let Err(error) = wait::submit(&self.client, job) else {
            bail!("{otherwise}");
        };
        let Some(ClientError::Problem(problem)) = error.downcast_ref::<ClientError>() else {
            return Err(error);
        };
        ensure!(problem.code() == Some(code), "refused for another reason: {problem:?}");
        Ok(Problem::clone(problem))
    }
}
