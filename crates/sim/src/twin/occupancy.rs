//! What is taken of every node, from the events alone. Shared by results and checkers, never by a
//! backend, which must keep its own books.

use std::collections::BTreeMap;

use super::{
    events::Share,
    fleet::{Fleet, Kind, NodeIdx},
    number,
    workload::Request,
};

/// What is taken of one node.
#[derive(Debug, Clone, Copy)]
struct Taken {
    gpus: u32,
    /// GPUs of which a part is taken.
    parted: u32,
    /// Thousandths taken of those.
    parts_milli: u32,
    cpu_milli: u64,
    memory_bytes: u64,
    is_up: bool,
}

/// What is free on a node that works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Free {
    /// GPUs of which nothing is taken.
    pub(crate) gpus: u32,
    /// Thousandths of GPUs of which a part is taken.
    pub(crate) parts_milli: u32,
    /// True if nothing at all is taken and it works.
    pub(crate) is_whole: bool,
}

/// What is taken of every node.
#[derive(Debug)]
pub(crate) struct Occupancy<'a> {
    fleet: &'a Fleet,
    nodes: Vec<Taken>,
    /// Thousandths taken of a GPU, for GPUs of which a part is taken.
    parts: BTreeMap<(NodeIdx, u32), u32>,
}

impl<'a> Occupancy<'a> {
    pub(crate) fn new(fleet: &'a Fleet) -> Self {
        let (gpus, parted, parts_milli) = (0, 0, 0);
        let (cpu_milli, memory_bytes, is_up) = (0, 0, true);
        let empty = Taken { gpus, parted, parts_milli, cpu_milli, memory_bytes, is_up };
        Self { fleet, nodes: vec![empty; fleet.nodes.len()], parts: BTreeMap::new() }
    }

    /// Takes a share; says what it exceeds, having taken it all the same.
    pub(crate) fn take(&mut self, request: &Request, share: &Share) -> Result<(), String> {
        let part_before =
            share.part.and_then(|part| self.parts.get(&(share.node, part.gpu)).copied());
        let Some(taken) = self.nodes.get_mut(number::index(share.node.0)) else {
            return Err(format!("node {} does not exist", share.node.0));
        };
        taken.gpus = taken.gpus.saturating_add(share.gpus);
        taken.cpu_milli = taken.cpu_milli.saturating_add(request.cpu.0);
        taken.memory_bytes = taken.memory_bytes.saturating_add(request.memory.0);
        let mut part_after = 0;
        if let Some(part) = share.part {
            taken.parted = taken.parted.saturating_add(u32::from(part_before.is_none()));
            taken.parts_milli = taken.parts_milli.saturating_add(part.milli);
            part_after = part_before.unwrap_or(0).saturating_add(part.milli);
            self.parts.insert((share.node, part.gpu), part_after);
        }
        let kind = self.fleet.kind_of(share.node);
        let taken = *taken;
        match kind {
            Some(kind) => exceeded(&taken, kind, share, part_after),
            None => Err("the node has no kind".to_owned()),
        }
    }

    /// Gives a share back.
    pub(crate) fn give_back(&mut self, request: &Request, share: &Share) {
        let Some(taken) = self.nodes.get_mut(number::index(share.node.0)) else { return };
        taken.gpus = taken.gpus.saturating_sub(share.gpus);
        taken.cpu_milli = taken.cpu_milli.saturating_sub(request.cpu.0);
        taken.memory_bytes = taken.memory_bytes.saturating_sub(request.memory.0);
        let Some(part) = share.part else { return };
        taken.parts_milli = taken.parts_milli.saturating_sub(part.milli);
        let key = (share.node, part.gpu);
        let left = self.parts.get(&key).map_or(0, |milli| milli.saturating_sub(part.milli));
        if left == 0 {
            self.parts.remove(&key);
            taken.parted = taken.parted.saturating_sub(1);
        } else {
            self.parts.insert(key, left);
        }
    }

    /// A node works again or no longer; true if that is a change.
    pub(crate) fn set_up(&mut self, node: NodeIdx, is_up: bool) -> bool {
        let Some(taken) = self.nodes.get_mut(number::index(node.0)) else { return false };
        std::mem::replace(&mut taken.is_up, is_up) != is_up
    }

    /// True if a node works.
    pub(crate) fn is_up(&self, node: NodeIdx) -> bool {
        self.nodes.get(number::index(node.0)).is_some_and(|taken| taken.is_up)
    }

    /// What is free on a node; nothing on one that does not work.
    pub(crate) fn free(&self, node: NodeIdx) -> Free {
        let taken = self.nodes.get(number::index(node.0)).filter(|taken| taken.is_up);
        let (Some(taken), Some(kind)) = (taken, self.fleet.kind_of(node)) else {
            return Free::default();
        };
        let used = taken.gpus.saturating_add(taken.parted);
        Free {
            gpus: kind.gpus.saturating_sub(used),
            parts_milli: taken.parted.saturating_mul(1_000).saturating_sub(taken.parts_milli),
            is_whole: used == 0 && taken.cpu_milli == 0 && taken.memory_bytes == 0,
        }
    }
}

fn exceeded(taken: &Taken, kind: &Kind, share: &Share, part: u32) -> Result<(), String> {
    let gpus = taken.gpus.saturating_add(taken.parted);
    if gpus > kind.gpus {
        return Err(format!("{gpus} of its {} GPUs are taken", kind.gpus));
    }
    if share.part.is_some_and(|part| part.gpu >= kind.gpus) {
        return Err(format!("it has only {} GPUs", kind.gpus));
    }
    if part > 1_000 {
        return Err(format!("{part} thousandths of one GPU are taken"));
    }
    if taken.cpu_milli > kind.cpu.0 {
        return Err(format!("{} of its {} mCPU are taken", taken.cpu_milli, kind.cpu.0));
    }
    if taken.memory_bytes > kind.memory.0 {
        let (taken, has) = (taken.memory_bytes, kind.memory.0);
        return Err(format!("{taken} of its {has} bytes of memory are taken"));
    }
    Ok(())
}
