//! What can be wrong with a power tree, a power model or a request to them, with the remedy.
//!
//! Must never lose the numbers: each error carries the feeder and the amounts it is about.

use std::error::Error;
use std::fmt;

use super::tree::{DEPTH_MAX, FEEDERS_MAX, FeederIdx, Shortfall};

/// Why a list of feeders is no tree of budgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeError {
    /// More than [`FEEDERS_MAX`] feeders.
    TooManyFeeders {
        /// Feeders given.
        count: usize,
    },
    /// A feeder hangs from one that is not in the list.
    NoSuchParent {
        /// The feeder.
        feeder: FeederIdx,
        /// Its parent.
        parent: FeederIdx,
    },
    /// A feeder feeds itself, directly or through others.
    Cycle {
        /// A feeder that leads into the cycle.
        feeder: FeederIdx,
    },
    /// More than [`DEPTH_MAX`] feeders on one path.
    TooDeep {
        /// The lowest feeder of the path.
        feeder: FeederIdx,
        /// Feeders on the path, itself included.
        depth: usize,
    },
    /// More is allowed than the contract gives.
    AllowedAboveContract {
        /// The feeder.
        feeder: FeederIdx,
        /// Allowed now, in milliwatts.
        allowed_mw: u64,
        /// Contracted, in milliwatts.
        contracted_mw: u64,
    },
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyFeeders { count } => {
                write!(f, "{count} feeders, at most {FEEDERS_MAX}: split the fleet by site")
            }
            Self::NoSuchParent { feeder, parent } => write!(
                f,
                "`parent` of feeder {} is {}, which is not in the list: add it or leave it out",
                feeder.0, parent.0
            ),
            Self::Cycle { feeder } => write!(
                f,
                "feeder {} is fed by a cycle: give one feeder of the cycle no `parent`",
                feeder.0
            ),
            Self::TooDeep { feeder, depth } => write!(
                f,
                "feeder {} stands on a path of {depth} feeders, at most {DEPTH_MAX}: leave out \
                 levels without a budget of their own",
                feeder.0
            ),
            Self::AllowedAboveContract { feeder, allowed_mw, contracted_mw } => write!(
                f,
                "`allowed_mw` of feeder {} is {allowed_mw}, above `contracted_mw` {contracted_mw}: \
                 lower it or raise the contract",
                feeder.0
            ),
        }
    }
}

impl Error for TreeError {}

/// Why power cannot be added at some feeders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The request names a feeder that does not exist.
    NoSuchFeeder {
        /// The feeder.
        feeder: FeederIdx,
    },
    /// A feeder on the path admits nothing until it is opened again.
    Closed {
        /// The feeder.
        feeder: FeederIdx,
    },
    /// A feeder on the path would be above what it is allowed.
    Short(Shortfall),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchFeeder { feeder } => {
                write!(f, "feeder {} does not exist: name one of the tree", feeder.0)
            }
            Self::Closed { feeder } => {
                write!(f, "feeder {} admits nothing now: wait until it is opened", feeder.0)
            }
            Self::Short(shortfall) => shortfall.fmt(f),
        }
    }
}

impl Error for Refusal {}

/// Why a change of a power tree was refused; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeError {
    /// The feeder does not exist.
    NoSuchFeeder {
        /// The feeder.
        feeder: FeederIdx,
    },
    /// More would be allowed than the contract gives.
    AllowedAboveContract {
        /// The feeder.
        feeder: FeederIdx,
        /// Asked for, in milliwatts.
        allowed_mw: u64,
        /// Contracted, in milliwatts.
        contracted_mw: u64,
    },
    /// More would be released than is in use.
    ReleaseAboveUse {
        /// The feeder.
        feeder: FeederIdx,
        /// Asked for, in milliwatts.
        released_mw: u64,
        /// In use, in milliwatts.
        used_mw: u64,
    },
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchFeeder { feeder } => {
                write!(f, "feeder {} does not exist: name one of the tree", feeder.0)
            }
            Self::AllowedAboveContract { feeder, allowed_mw, contracted_mw } => write!(
                f,
                "`allowed_mw` {allowed_mw} of feeder {} is above the contracted {contracted_mw}: \
                 ask for at most that",
                feeder.0
            ),
            Self::ReleaseAboveUse { feeder, released_mw, used_mw } => write!(
                f,
                "`released_mw` {released_mw} at feeder {} is more than the {used_mw} in use: \
                 release what was admitted, once",
                feeder.0
            ),
        }
    }
}

impl Error for ChangeError {}

/// What is wrong with a power model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelError {
    /// A GPU draws more when idle than at most.
    IdleAboveTdp {
        /// When idle, in milliwatts.
        idle_mw: u64,
        /// At most, in milliwatts.
        tdp_mw: u64,
    },
    /// A power limit is not below the one before it (or the most that the GPU draws), or is below
    /// what the GPU draws when idle.
    CapOutOfOrder {
        /// Position in the list of steps, from 0.
        step: usize,
        /// The limit, in milliwatts.
        limit_mw: u64,
    },
    /// A deeper limit claims to slow less than the one before, or by more than all.
    SlowdownOutOfOrder {
        /// Position in the list of steps, from 0.
        step: usize,
        /// The slowdown, in per mille.
        slowdown_permille: u32,
    },
    /// A class uses more than all of a GPU.
    UtilisationAboveAll {
        /// Position of the class.
        class: usize,
        /// The share, in per mille.
        utilisation_permille: u32,
    },
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdleAboveTdp { idle_mw, tdp_mw } => {
                write!(f, "`idle_mw` {idle_mw} is above `tdp_mw` {tdp_mw}: swap or correct them")
            }
            Self::CapOutOfOrder { step, limit_mw } => write!(
                f,
                "`limit_mw` {limit_mw} of step {step} is not below the step before and at or above \
                 `idle_mw`: list the limits from high to low"
            ),
            Self::SlowdownOutOfOrder { step, slowdown_permille } => write!(
                f,
                "`slowdown_permille` {slowdown_permille} of step {step} is below the step before \
                 or above 1000: a lower limit slows at least as much"
            ),
            Self::UtilisationAboveAll { class, utilisation_permille } => write!(
                f,
                "`utilisation_permille` {utilisation_permille} of class {class} is above 1000: \
                 give a share of the range between idle and full"
            ),
        }
    }
}

impl Error for ModelError {}

/// Why no relief can be computed: the running jobs do not fit the tree or the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReliefError {
    /// A job stands at a feeder that does not exist.
    NoSuchFeeder {
        /// Position of the job.
        job: usize,
        /// The feeder.
        feeder: FeederIdx,
    },
    /// A job has a kind of GPU, a class or a power limit that the model does not know.
    NotInModel {
        /// Position of the job.
        job: usize,
        /// Which field: `gpu`, `class` or `cap`.
        field: &'static str,
        /// Its value.
        value: u32,
    },
    /// The jobs draw more than the tree says is in use: one of the two is out of date.
    MoreThanUsed {
        /// The feeder.
        feeder: FeederIdx,
        /// Draw of the jobs below it, in milliwatts.
        jobs_mw: u64,
        /// In use by the tree's counter, in milliwatts.
        used_mw: u64,
    },
}

impl fmt::Display for ReliefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchFeeder { job, feeder } => {
                write!(f, "job {job} stands at feeder {}, which does not exist", feeder.0)
            }
            Self::NotInModel { job, field, value } => {
                write!(f, "`{field}` {value} of job {job} is not in the power model: add it there")
            }
            Self::MoreThanUsed { feeder, jobs_mw, used_mw } => write!(
                f,
                "the jobs below feeder {} draw {jobs_mw} mW, the tree counts {used_mw}: admit a \
                 job before it is listed as running",
                feeder.0
            ),
        }
    }
}

impl Error for ReliefError {}
