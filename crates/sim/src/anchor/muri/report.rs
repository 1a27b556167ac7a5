//! The outcome of the experiment beside the published figures, as data and as Markdown.
//!
//! Must show what was run and what was published, and mark the two apart.

use std::fmt::Write;

use super::{Outcome, Policy, Published};

/// One policy on one list.
#[derive(Debug, Clone)]
pub struct Run {
    /// The list.
    pub list: String,
    /// The policy.
    pub policy: Policy,
    /// What came out.
    pub outcome: Outcome,
    /// Nanoseconds it took, 0 without a clock.
    pub took_ns: u64,
}

/// All runs and all published figures.
#[derive(Debug, Clone)]
pub struct Report {
    /// In the order of lists, then of policies.
    pub runs: Vec<Run>,
    /// What the authors published.
    pub published: Vec<Published>,
}

/// A part in so many by which a figure may differ from the published one and count as equal.
const EQUAL_PARTS: u128 = 1_000_000;

impl Report {
    /// The published figures of a policy on a list.
    #[must_use]
    pub fn published(&self, list: &str, policy: &str) -> Option<&Published> {
        self.published.iter().find(|one| one.list == list && one.policy == policy)
    }

    /// The run of a policy on a list.
    #[must_use]
    pub fn run(&self, list: &str, policy: Policy) -> Option<&Run> {
        self.runs.iter().find(|run| run.list == list && run.policy == policy)
    }

    /// Whether mean and makespan equal the published ones to a part in 10⁶; `None` for a policy that
    /// was not published.
    #[must_use]
    pub fn equals(&self, run: &Run) -> Option<bool> {
        let published = self.published(&run.list, run.policy.name())?;
        let mean = is_equal(run.outcome.mean_us(), published.mean_us);
        Some(mean && is_equal(run.outcome.makespan_us, published.makespan_us))
    }

    /// The run's mean in ten-thousandths of a published policy's on the same list, rounded up.
    #[must_use]
    pub fn part_of(&self, run: &Run, policy: &str) -> Option<u64> {
        let published = u128::from(self.published(&run.list, policy)?.mean_us);
        let mean = u128::from(run.outcome.mean_us());
        u64::try_from((mean * 10_000).div_ceil(published.max(1))).ok()
    }

    /// The tables.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| list | policy | mean JCT s | published | makespan s | published | equal to 10⁻⁶ |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for run in &self.runs {
            let Some(published) = self.published(&run.list, run.policy.name()) else { continue };
            let equal = if self.equals(run) == Some(true) { "yes" } else { "**no**" };
            let _infallible = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {equal} |",
                run.list,
                run.policy.name(),
                seconds(run.outcome.mean_us()),
                seconds(published.mean_us),
                seconds(run.outcome.makespan_us),
                seconds(published.makespan_us),
            );
        }
        text.push_str(
            "\n| list | policy | mean JCT s | of Tiresias | of Themis | of SRSF | makespan s | \
             events | preemptions | ms |\n|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for run in &self.runs {
            if self.published(&run.list, run.policy.name()).is_none() {
                self.row_of_ours(run, &mut text);
            }
        }
        text
    }

    fn row_of_ours(&self, run: &Run, text: &mut String) {
        let part = |policy| match self.part_of(run, policy) {
            Some(part) => format!("{}.{:04}", part / 10_000, part % 10_000),
            None => "not published".to_owned(),
        };
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            run.list,
            run.policy.name(),
            seconds(run.outcome.mean_us()),
            part("Tiresias"),
            part("Themis"),
            part("SRSF"),
            seconds(run.outcome.makespan_us),
            run.outcome.events,
            run.outcome.preemptions,
            run.took_ns / 1_000_000,
        );
    }
}

fn is_equal(left: u64, right: u64) -> bool {
    u128::from(left.abs_diff(right)) * EQUAL_PARTS <= u128::from(right)
}

fn seconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000_000, us / 1_000 % 1_000)
}
