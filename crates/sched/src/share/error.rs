//! What can be wrong with a list of queues, or with what is charged to them.
//!
//! Must never be free text: programs act on the variant, people read `Display`.

use std::error::Error;
use std::fmt;

use super::{DEPTH_MAX, QUEUES_MAX, QueueIdx, RESOURCES_MAX};

/// Why no tree was made of a list of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeError {
    /// More queues than [`QUEUES_MAX`].
    TooManyQueues {
        /// Queues in the list.
        n_queues: usize,
    },
    /// More resources than [`RESOURCES_MAX`].
    TooManyResources {
        /// Resources asked for.
        n_resources: usize,
    },
    /// A list of a queue is neither empty nor as long as there are resources.
    WrongLength {
        /// The queue.
        queue: QueueIdx,
        /// Name of the list.
        field: &'static str,
        /// Its length.
        length: usize,
        /// The number of resources.
        n_resources: usize,
    },
    /// A parent is not in the list.
    UnknownParent {
        /// The queue.
        queue: QueueIdx,
        /// The parent that it names.
        parent: QueueIdx,
    },
    /// A queue is above itself.
    Cycle {
        /// One of the queues on the cycle.
        queue: QueueIdx,
    },
    /// A queue is deeper than [`DEPTH_MAX`].
    TooDeep {
        /// The queue.
        queue: QueueIdx,
    },
    /// Children deserve more than their parent.
    ChildrenDeserveMore {
        /// The parent; `None` if the roots together deserve more than a number can hold.
        parent: Option<QueueIdx>,
        /// The resource.
        resource: usize,
        /// What the children deserve together.
        sum: u64,
        /// What the parent deserves.
        deserved: u64,
    },
    /// A queue may not use what it deserves.
    LimitBelowDeserved {
        /// The queue.
        queue: QueueIdx,
        /// The resource.
        resource: usize,
        /// Its limit.
        limit: u64,
        /// What it deserves.
        deserved: u64,
    },
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooManyQueues { n_queues } => {
                write!(f, "{n_queues} queues are more than {QUEUES_MAX}; merge some")
            }
            Self::TooManyResources { n_resources } => {
                write!(f, "{n_resources} resources are more than {RESOURCES_MAX}; merge some")
            }
            Self::WrongLength { queue, field, length, n_resources } => write!(
                f,
                "`{field}` of queue {} has {length} entries; give none or one for each of the \
                 {n_resources} resources",
                queue.0
            ),
            Self::UnknownParent { queue, parent } => write!(
                f,
                "the parent of queue {}, {}, is not in the list; add it or make the queue a root",
                queue.0, parent.0
            ),
            Self::Cycle { queue } => {
                write!(f, "queue {} is above itself; give it another parent", queue.0)
            }
            Self::TooDeep { queue } => write!(
                f,
                "queue {} is more than {DEPTH_MAX} levels deep; leave out a level above it",
                queue.0
            ),
            Self::ChildrenDeserveMore { parent: Some(parent), resource, sum, deserved } => write!(
                f,
                "the children of queue {} deserve {sum} of resource {resource}, it deserves \
                 {deserved}; raise it or lower them",
                parent.0
            ),
            Self::ChildrenDeserveMore { parent: None, resource, .. } => write!(
                f,
                "the roots together deserve more of resource {resource} than can be counted; use \
                 a larger unit"
            ),
            Self::LimitBelowDeserved { queue, resource, limit, deserved } => write!(
                f,
                "queue {} deserves {deserved} of resource {resource} but its limit is {limit}; \
                 raise the limit or lower what it deserves",
                queue.0
            ),
        }
    }
}

impl Error for TreeError {}

/// Why amounts could not be charged or given back. The tree is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeError {
    /// No such queue.
    UnknownQueue {
        /// The queue.
        queue: QueueIdx,
    },
    /// Work runs only in queues without children.
    NotALeaf {
        /// The queue.
        queue: QueueIdx,
    },
    /// More amounts than resources.
    TooManyAmounts {
        /// Amounts given.
        n_amounts: usize,
        /// Resources of the tree.
        n_resources: usize,
    },
    /// The sum is more than a number can hold.
    Overflow {
        /// The resource.
        resource: usize,
    },
    /// More is given back than was charged.
    Negative {
        /// The queue.
        queue: QueueIdx,
        /// The resource.
        resource: usize,
        /// In use.
        held: u64,
        /// To be given back.
        returned: u64,
    },
}

impl fmt::Display for ChargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnknownQueue { queue } => {
                write!(f, "there is no queue {}; make a new tree with it", queue.0)
            }
            Self::NotALeaf { queue } => {
                write!(f, "queue {} has children; charge one of them", queue.0)
            }
            Self::TooManyAmounts { n_amounts, n_resources } => {
                write!(f, "{n_amounts} amounts for {n_resources} resources; give one for each")
            }
            Self::Overflow { resource } => {
                write!(f, "the sum of resource {resource} is too large; use a larger unit")
            }
            Self::Negative { queue, resource, held, returned } => write!(
                f,
                "queue {} holds {held} of resource {resource} and cannot give back {returned}; \
                 give back what was charged, once",
                queue.0
            ),
        }
    }
}

impl Error for ChargeError {}
