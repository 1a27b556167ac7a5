//! The platform of one scenario: each line is a command, a look, or something that goes wrong.
//!
//! After every line the state's own check must hold; at the end of each line that changed the log,
//! the transcript shows the new entries.

use kernel::{Entry, Planner};
use units::{DurationMicros, UnixMicros};

use super::{args::Args, build, identity, names, views};
use crate::{
    actors::planner_round,
    checkers::Checkers,
    platform::{Answer, Fault, Platform, Request},
    rng::Rng,
};

/// When every scenario begins: 2025-11-24T16:00:00Z.
const START: UnixMicros = UnixMicros(1_764_000_000_000_000);

/// A platform, what will fail next, and what was sent last.
#[derive(Debug)]
pub(super) struct World {
    platform: Platform,
    planner: Planner,
    checkers: Checkers,
    fault: Fault,
    last: Option<Request>,
    n_keys: u64,
}

impl World {
    /// An empty platform.
    pub(super) fn new() -> Result<Self, String> {
        let platform = Platform::new(Rng::new(1).child("ids"), START)?;
        let checkers = Checkers::default();
        let planner = Planner::default();
        Ok(Self { platform, planner, checkers, fault: Fault::None, last: None, n_keys: 0 })
    }

    /// The platform as it ends.
    pub(super) fn into_platform(self) -> Platform {
        self.platform
    }

    /// Runs one line.
    pub(super) fn run(&mut self, line: &str) -> Result<Vec<String>, String> {
        // A millisecond per line keeps ids, and with them every order, that of the file.
        let tick = DurationMicros(1_000);
        self.platform.set_clock(self.platform.clock().plus(tick));
        let mut args = Args::new(line);
        let verb: String = args.word("a command")?;
        if let Some(lines) = self.look(&verb, &mut args)? {
            args.finish()?;
            return Ok(lines);
        }
        if let Some(lines) = self.disturb(&verb, &mut args)? {
            args.finish()?;
            return Ok(lines);
        }
        let actor = identity::actor(self.platform.state(), &mut args)?;
        let Some(command) = build::command(self.platform.state(), &verb, &mut args)? else {
            return Err(format!("command `{verb}` does not exist: see the existing scenarios"));
        };
        args.finish()?;
        self.n_keys = self.n_keys.saturating_add(1);
        let request = Request::new(actor, command);
        self.send(request.with_key(&format!("line-{}", self.n_keys)))
    }

    /// Commands that only read.
    fn look(&self, verb: &str, args: &mut Args<'_>) -> Result<Option<Vec<String>>, String> {
        let state = self.platform.state();
        Ok(Some(match verb {
            "state" => views::state(state),
            "explain" => {
                let id = names::workload(state, &args.word::<String>("a workload")?)?;
                vec![views::explain(state, id)]
            }
            "cost" => {
                let project = names::project(state, &args.word::<String>("a project")?)?;
                views::cost(state, project)
            }
            "desired" => {
                let node = names::node(state, &args.word::<String>("a node")?)?;
                views::wanted(state, node)
            }
            "audit" => {
                self.checkers.deep(&self.platform)?;
                vec![format!("{} entries, nothing found", state.size)]
            }
            _ => return Ok(None),
        }))
    }

    /// Time, the scheduler, repetitions and failures.
    fn disturb(&mut self, verb: &str, args: &mut Args<'_>) -> Result<Option<Vec<String>>, String> {
        match verb {
            "advance" => {
                let by: DurationMicros = args.word("a duration")?;
                self.platform.set_clock(self.platform.clock().plus(by));
            }
            "clock-back" => {
                let by: DurationMicros = args.word("a duration")?;
                let micros = i64::try_from(by.0).unwrap_or(0);
                let clock = UnixMicros(self.platform.clock().0.saturating_sub(micros));
                self.platform.set_clock(clock);
            }
            "schedule" => return self.schedule().map(Some),
            "again" => {
                let last = self.last.clone().ok_or("nothing was sent before")?;
                return self.send(last).map(Some);
            }
            "snapshot" => self.platform.save_snapshot()?,
            "tear-snapshot" => self.platform.tear_snapshot(50),
            "lose-command" => self.fault = Fault::CrashBeforeAppend,
            "lose-answer" => self.fault = Fault::CrashAfterAppend,
            "depose" => self.fault = Fault::Deposed,
            "crash" => {
                let before = self.platform.counts().snapshot_boots;
                self.platform.commit(Vec::new(), Fault::CrashBeforeAppend)?;
                let used = self.platform.counts().snapshot_boots > before;
                let from = if used { "a snapshot and the log" } else { "the log" };
                let size = self.platform.state().size;
                return Ok(Some(vec![format!("booted from {from}: {size} entries, same state")]));
            }
            _ => return Ok(None),
        }
        Ok(Some(Vec::new()))
    }

    fn schedule(&mut self) -> Result<Vec<String>, String> {
        let proposals =
            planner_round(&mut self.planner, self.platform.state(), self.platform.now())?;
        if proposals.is_empty() {
            return Ok(vec!["nothing to place".to_owned()]);
        }
        self.commit(proposals)
    }

    fn send(&mut self, request: Request) -> Result<Vec<String>, String> {
        self.last = Some(request.clone());
        self.commit(vec![request])
    }

    fn commit(&mut self, batch: Vec<Request>) -> Result<Vec<String>, String> {
        let before = self.platform.log().leaves().len();
        let fault = std::mem::take(&mut self.fault);
        let answered = self.platform.commit(batch, fault)?;
        self.checkers.follow(&self.platform)?;
        self.checkers.compare(&self.platform)?;
        let state = self.platform.state();
        if let Some(broken) = state.check().first() {
            return Err(format!("violated: {broken}"));
        }
        let mut lines = Vec::new();
        for leaf in self.platform.log().leaves().iter().skip(before) {
            let entry = Entry::from_leaf(leaf).map_err(|error| error.to_string())?;
            lines.push(views::entry(state, &entry));
        }
        for one in answered {
            self.checkers.acknowledged().answered(&one.request, &one.answer)?;
            match one.answer {
                Answer::Accepted { subject, repeated: true, .. } => {
                    let subject = subject.map(|s| s.to_string()).unwrap_or_default();
                    let name = names::readable(self.platform.state(), &subject);
                    lines.push(format!("answered as before: {name}"));
                }
                Answer::Accepted { subject: None, .. } => {
                    lines.push("already true: nothing happened".to_owned());
                }
                Answer::Accepted { .. } => {}
                Answer::Rejected(reject) => {
                    let text = format!("refused: {reject}");
                    lines.push(names::readable(self.platform.state(), &text));
                }
                Answer::Unknown => lines.push("no answer: the connection broke".to_owned()),
            }
        }
        Ok(lines)
    }
}
