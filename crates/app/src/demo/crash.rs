//! Step 10: SIGKILL to the platform while a job runs and commands come in; nothing acknowledged is
//! lost, and the job goes on as the same process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use api::{
    client::{Client, Options},
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        dataset::{DatasetCreate, DatasetGet, DatasetNew, DatasetOrigin},
        workload::WorkloadState,
    },
};
use units::{DataClass, Id, kinds};

use super::{Stage, project, wait};

/// Callers that submit at the same time.
const N_CALLERS: usize = 4;
/// How long they do before the kill.
const LOAD: Duration = Duration::from_millis(1_500);

impl Stage {
    /// Kills and restarts the platform under load.
    pub(super) fn survive_a_kill(&mut self) -> anyhow::Result<()> {
        self.voice.step("SIGKILL to the platform while a job runs");
        let job = format!(
            "type: batch\nname: survivant\nproject: {}\nresources: {{ cpu: 0.1, memory: 64MiB }}\n\
             run: |\n  echo started as $$\n  for i in 1 2 3 4 5 6 7 8; do sleep 1; echo second $i; done\n",
            project()
        );
        let workload = wait::submit(&self.client, &job)?;
        wait::until("the start of the job", 30, || {
            let started = wait::last_lines(&self.client, workload.id).contains("started as");
            Ok(started.then_some(()))
        })?;
        let acknowledged = self.kill_under_load()?;
        let pid = self.process.pid();
        self.process.restart()?;
        self.client = self.process.client()?;
        let ready = self.process.ready_after().as_millis();
        self.voice.line(&format!(
            "killed; started again as pid {pid} → {}, ready in {ready} ms",
            self.process.pid()
        ));
        for id in &acknowledged {
            self.client
                .get::<DatasetGet>(&IdPath { id: *id }, &Nothing {})
                .with_context(|| format!("acknowledged dataset {id} is lost"))?;
        }
        self.voice.line(&format!(
            "{} commands were acknowledged before the kill: {} found",
            acknowledged.len(),
            acknowledged.len()
        ));
        let ended = wait::ended(&self.client, workload.id, "the end of the job", 60)?;
        let log = wait::last_lines(&self.client, workload.id);
        ensure!(
            ended.state == WorkloadState::Succeeded,
            "the job ended as {:?}\n{log}",
            ended.state
        );
        ensure!(ended.attempt == 1, "the job was started {} times", ended.attempt);
        let n_starts = log.matches("started as").count();
        ensure!(n_starts == 1 && log.contains("second 8"), "the job's log is not whole:\n{log}");
        self.voice.line("the job was adopted: one attempt, one process, its log whole, succeeded");
        Ok(())
    }

    /// Creates datasets from several callers until the platform is killed; answers which creations
    /// were acknowledged.
    fn kill_under_load(&mut self) -> anyhow::Result<Vec<Id<kinds::Dataset>>> {
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..N_CALLERS)
            .map(|caller| {
                let (client, stop) = (self.client.clone(), Arc::clone(&stop));
                std::thread::spawn(move || submit_until(&client, caller, &stop))
            })
            .collect();
        std::thread::sleep(LOAD);
        self.process.kill()?;
        stop.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for caller in callers {
            let part = caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))?;
            acknowledged.extend(part?);
        }
        ensure!(!acknowledged.is_empty(), "nothing was acknowledged before the kill");
        Ok(acknowledged)
    }
}

/// Submits one command after the other; the first failure is the kill.
fn submit_until(
    client: &Client,
    caller: usize,
    stop: &AtomicBool,
) -> anyhow::Result<Vec<Id<kinds::Dataset>>> {
    let mut acknowledged = Vec::new();
    for number in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let new = DatasetNew {
            project: project().parse()?,
            name: format!("charge-{caller}-{number}").parse()?,
            class: DataClass::Public,
            origin: DatasetOrigin::Given,
        };
        match client.call::<DatasetCreate>(&Nothing {}, &Nothing {}, &new, &Options::default()) {
            Ok(created) => acknowledged.push(created.id),
            Err(_) => break,
        }
    }
    Ok(acknowledged)
}
