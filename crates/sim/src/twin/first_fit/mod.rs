//! A trivial backend, for tests of everything around it and as the lower bound of a comparison: jobs by
//! priority and submission, each on the first nodes that fit. It makes no reservation, preempts for
//! nothing but failures, and ignores deadlines and wishes that are not hard.

mod nodes;
mod place;
mod run;

#[cfg(test)]
pub(crate) mod tests;

use super::{
    backend::{Backend, Input, Progress},
    events::Observer,
    time::Time,
};

/// First fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstFit {
    /// Waiting jobs that are tried before the rest must wait: 1 is strictly in order.
    tries_max: usize,
}

impl FirstFit {
    /// Names of the policies that [`named`](Self::named) knows.
    pub const NAMES: [&str; 2] = ["first-fit", "first-fit-skip"];

    /// `first-fit`: a job that does not fit blocks all behind it.
    #[must_use]
    pub const fn in_order() -> Self {
        Self { tries_max: 1 }
    }

    /// `first-fit-skip`: the next 100 jobs may pass one that does not fit.
    #[must_use]
    pub const fn skipping() -> Self {
        Self { tries_max: 100 }
    }

    /// The policy with a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::in_order(), Self::skipping()].into_iter().find(|policy| policy.name() == name)
    }
}

impl Backend for FirstFit {
    fn name(&self) -> &str {
        match self.tries_max {
            1 => "first-fit",
            _ => "first-fit-skip",
        }
    }

    fn run(
        &mut self,
        input: &Input<'_>,
        observer: &mut dyn Observer,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Time, String> {
        Ok(run::Run::new(input, observer, self.tries_max).until_end(progress))
    }
}
