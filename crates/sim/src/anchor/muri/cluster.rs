//! The cluster of the experiment: eight nodes of eight GPUs behind one switch.
//!
//! Must never split a job of at most eight GPUs, nor give a larger one parts of nodes it need not share.

/// Nodes.
pub(super) const NODES: usize = 8;
/// GPUs of a node.
pub(super) const NODE_GPUS: u32 = 8;
/// GPUs of all nodes.
pub(super) const GPUS: u32 = 64;

/// Free GPUs of each node while the cluster is being filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filling {
    free: [u32; NODES],
}

impl Filling {
    pub(super) fn empty() -> Self {
        Self { free: [NODE_GPUS; NODES] }
    }

    /// Takes the job's GPUs from the first node that has them, or whole nodes and a remainder for a
    /// larger job; `false`, and nothing taken, if they are not there.
    pub(super) fn take(&mut self, gpus: u32) -> bool {
        let before = self.clone();
        let whole = usize::try_from(gpus / NODE_GPUS).unwrap_or(NODES);
        let rest = gpus % NODE_GPUS;
        let taken = if gpus <= NODE_GPUS {
            self.take_part(gpus)
        } else {
            self.take_whole(whole) && (rest == 0 || self.take_part(rest))
        };
        if !taken {
            *self = before;
        }
        taken
    }

    fn take_part(&mut self, gpus: u32) -> bool {
        let node = self.free.iter_mut().find(|free| **free >= gpus);
        node.map(|free| *free -= gpus).is_some()
    }

    fn take_whole(&mut self, nodes: usize) -> bool {
        let idle = self.free.iter_mut().filter(|free| **free == NODE_GPUS).take(nodes);
        idle.map(|free| *free = 0).count() == nodes
    }
}
