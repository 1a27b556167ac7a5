//! What work asks of one node, and what is known of the work to come.
//!
//! A need is plain data and knows no user, no duration and no name. It must never be contradictory:
//! a share is always of one GPU, and work without GPUs has no share.

use std::cmp::Reverse;

/// Thousandths of one GPU that make a whole one.
pub const WHOLE_MILLI: u16 = 1_000;

/// A GPU model as a small number, 0 to 63; what it stands for is the caller's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model(pub u8);

/// A set of GPU models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Models(u64);

impl Models {
    /// Any model will do.
    pub const ANY: Self = Self(u64::MAX);
    /// No model at all: such work fits nowhere.
    pub const NONE: Self = Self(0);

    /// The set with one more model; numbers from 64 on are not added.
    #[must_use]
    pub const fn with(self, model: Model) -> Self {
        if model.0 < 64 { Self(self.0 | 1 << model.0) } else { self }
    }

    /// Whether the set has this model. [`Models::ANY`] has every one, also beyond 63.
    #[must_use]
    pub const fn has(self, model: Model) -> bool {
        self.0 == u64::MAX || (model.0 < 64 && self.0 >> model.0 & 1 == 1)
    }
}

/// How much of the GPUs of a node is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gpus {
    /// No GPU.
    None,
    /// A part of one GPU.
    Share {
        /// Thousandths of the GPU, 1 to 999; 0 counts as 1, more than 999 as 999.
        milli: u16,
    },
    /// So many whole GPUs, which nobody else uses.
    Whole {
        /// 1 to [`GPUS_MAX`](super::GPUS_MAX); 0 counts as 1.
        count: u8,
    },
}

impl Gpus {
    /// How many GPUs are touched.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::Share { .. } => 1,
            Self::Whole { count } => usize::from(count.max(1)),
        }
    }

    /// Thousandths of each GPU that is touched; 0 for work without GPUs.
    #[must_use]
    pub fn milli_each(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Share { milli } => milli.clamp(1, WHOLE_MILLI.saturating_sub(1)),
            Self::Whole { .. } => WHOLE_MILLI,
        }
    }

    /// Thousandths of a GPU over all GPUs that are touched.
    #[must_use]
    pub fn milli(self) -> i64 {
        let count = i64::try_from(self.count()).unwrap_or(0);
        i64::from(self.milli_each()).saturating_mul(count)
    }
}

/// What one piece of work asks of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Thousandths of a processor core.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// GPUs or a share.
    pub gpus: Gpus,
    /// Models that will do. Not looked at for work without GPUs.
    pub models: Models,
}

/// A need and how often it was seen, as a measure of how often it will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// The need. Its memory is not looked at by any policy.
    pub need: Need,
    /// How often, from 0 on.
    pub count: u32,
}

/// What is known of the work to come: the classes of work and which of them are typical.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mix {
    classes: Vec<Class>,
    typical: usize,
}

impl Mix {
    /// Classes in the order given, the first `typical` of which are the typical ones. The measure
    /// of fragmentation looks at those only; prices look at all.
    #[must_use]
    pub fn new(classes: Vec<Class>, typical: usize) -> Self {
        let typical = typical.min(classes.len());
        Self { classes, typical }
    }

    /// The mix of some work: equal needs are counted (their memory aside), the most frequent class
    /// comes first, and those first classes are typical that together reach `percent` of the work.
    #[must_use]
    pub fn of(needs: impl IntoIterator<Item = Need>, percent: u8) -> Self {
        let mut needs: Vec<Need> =
            needs.into_iter().map(|need| Need { memory_mib: 0, ..need }).collect();
        needs.sort_unstable();
        let mut classes: Vec<Class> = Vec::new();
        for need in needs {
            match classes.last_mut() {
                Some(last) if last.need == need => last.count = last.count.saturating_add(1),
                Some(_) | None => classes.push(Class { need, count: 1 }),
            }
        }
        classes.sort_by_key(|class| (Reverse(class.count), Reverse(class.need)));
        let typical = reach(&classes, percent);
        Self { classes, typical }
    }

    /// All classes.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The typical ones.
    #[must_use]
    pub fn typical(&self) -> &[Class] {
        self.classes.get(..self.typical).unwrap_or(&[])
    }
}

/// How many of the first classes are needed to reach so many percent of all work.
fn reach(classes: &[Class], percent: u8) -> usize {
    let total: u64 = classes.iter().map(|class| u64::from(class.count)).sum();
    let wanted = total.saturating_mul(u64::from(percent));
    let mut reached = 0_u64;
    classes
        .iter()
        .take_while(|class| {
            let more = reached.saturating_mul(100) < wanted;
            reached = reached.saturating_add(u64::from(class.count));
            more
        })
        .count()
}
