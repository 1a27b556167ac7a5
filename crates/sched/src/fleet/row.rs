//! One node: what it has, what is taken of it, and whether a need fits.
//!
//! Must be right alone: whoever tries things out (promises, evictions) copies it and changes the copy.

use super::opened::{self, Opened, Size};
use super::shelf::Slot;
use crate::mig::{Choices, GEOMETRIES, Geometry};
use crate::part::{Part, Seat};
use crate::problem::{Amounts, Job, Node, NodeState};

/// What one rank needs of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    pub(crate) amounts: Amounts,
    /// A part of one GPU.
    pub(crate) part: Option<Part>,
    /// True if it must have the node to itself.
    pub(crate) alone: bool,
}

impl Need {
    pub(crate) const fn of(job: &Job) -> Self {
        Self { amounts: job.need, part: job.part, alone: job.exclusive }
    }

    /// True if the model of GPU matters.
    pub(crate) const fn uses_gpus(&self) -> bool {
        self.amounts.gpus > 0 || self.part.is_some()
    }

    /// The same on a node without opened GPUs, where a part takes a whole one.
    pub(crate) fn whole(&self) -> Amounts {
        let gpus = self.amounts.gpus.max(u32::from(self.part.is_some()));
        Amounts { gpus, ..self.amounts }
    }
}

/// Everything about one node that changes.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) node: Node,
    /// Taken, which may be more than there is: see [`super::Fleet::take`]. An opened GPU counts as one.
    used: Amounts,
    /// Jobs that have a part of it.
    n_parts: u32,
    /// Parts that want it alone.
    n_alone: u32,
    pub(super) shelf: u32,
    pub(super) slot: u8,
    /// How its GPUs can be cut: a position among [`GEOMETRIES`], or beyond them.
    geometry: u8,
    /// GPUs of which somebody has a part, by number. Rare, and rows are read in long runs.
    opened: Option<Box<[Opened]>>,
}

impl Row {
    pub(super) fn new(node: Node, geometry: Option<&'static Geometry>) -> Self {
        let (used, opened) = (Amounts::default(), None);
        let is_this = |other: &&Geometry| geometry.is_some_and(|one| std::ptr::eq(one, *other));
        let at = GEOMETRIES.iter().position(is_this);
        let geometry = at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX);
        let (n_parts, n_alone, shelf, slot) = (0, 0, u32::MAX, 0);
        Self { node, used, n_parts, n_alone, shelf, slot, geometry, opened }
    }

    /// What is left, at least nothing.
    pub(crate) const fn free(&self) -> Amounts {
        self.node.total.saturating_sub(self.used)
    }

    /// The shelf that it lies on, and its bit there; `None` for a node that takes no work ever.
    pub(crate) fn place(&self) -> Option<(usize, u64)> {
        let shelf = usize::try_from(self.shelf).ok().filter(|_| self.shelf < u32::MAX)?;
        Some((shelf, 1_u64.checked_shl(self.slot.into())?))
    }

    /// How its GPUs can be cut.
    fn geometry(&self) -> Option<&'static Geometry> {
        GEOMETRIES.get(usize::from(self.geometry)).copied()
    }

    /// True if nobody has it alone.
    const fn is_shared(&self) -> bool {
        self.n_alone == 0
    }

    /// True if the need fits, whatever the state of the node.
    pub(crate) fn fits(&self, need: &Need) -> bool {
        self.is_shared()
            && self.free().covers(&need.amounts)
            && (!need.alone || self.n_parts == 0)
            && need.part.is_none_or(|part| self.has_room(part))
    }

    /// True if a part of a GPU fits somewhere.
    fn has_room(&self, part: Part) -> bool {
        let Some(size) = Size::of(part, self.geometry()) else { return false };
        self.free().gpus > 0 || self.opened().iter().any(|one| one.room().fits(size))
    }

    /// Where a part would lie: on the fullest opened GPU that has room for a share, in the best place
    /// for an instance, or else on a GPU that this opens.
    pub(super) fn seat(&self, part: Part, choices: Option<&Choices>) -> Option<Seat> {
        let size = Size::of(part, self.geometry())?;
        let fitting = self.opened().iter().filter(|one| one.room().fits(size));
        let fresh = || (self.free().gpus > 0).then(|| self.unopened());
        match part {
            Part::Share { .. } => {
                let tightest = fitting.min_by_key(|one| (one.room(), one.gpu));
                let gpu = tightest.map(|one| one.gpu).or_else(fresh)?;
                Some(Seat { gpu, start: None })
            }
            Part::Mig { profile } => {
                let profile = self.geometry()?.find(profile.as_str())?;
                let fitting: Vec<&Opened> = fitting.collect();
                let on_opened = choices?.of(profile).find_map(|(taken, start)| {
                    let beside = |one: &&&Opened| one.room() == opened::Room::Beside(taken);
                    fitting.iter().find(beside).map(|one| (one.gpu, start))
                });
                let on_fresh = || {
                    let empty = |(taken, _): &(_, u8)| *taken == crate::mig::Slices::NONE;
                    Some((fresh()?, choices?.of(profile).find(empty)?.1))
                };
                let (gpu, start) = on_opened.or_else(on_fresh)?;
                Some(Seat { gpu, start: Some(start) })
            }
        }
    }

    /// The lowest number that no opened GPU has.
    fn unopened(&self) -> u32 {
        let taken = (0..).zip(self.opened()).take_while(|(number, one)| *number == one.gpu);
        u32::try_from(taken.count()).unwrap_or(u32::MAX)
    }

    /// Takes what a rank needs. A part without a seat takes nothing of any GPU.
    pub(crate) fn take(&mut self, need: &Need, seat: Option<Seat>) {
        self.used = self.used.saturating_add(need.amounts);
        self.n_parts = self.n_parts.saturating_add(1);
        self.n_alone = self.n_alone.saturating_add(u32::from(need.alone));
        let Some((size, seat)) = self.size(need).zip(seat) else { return };
        let mut all = self.opened.take().unwrap_or_default().into_vec();
        if opened::add(&mut all, size, seat) {
            self.used.gpus = self.used.gpus.saturating_add(1);
        }
        self.opened = Some(all.into_boxed_slice());
    }

    /// Gives back what a rank took.
    pub(crate) fn release(&mut self, need: &Need, seat: Option<Seat>) {
        self.used = self.used.saturating_sub(need.amounts);
        self.n_parts = self.n_parts.saturating_sub(1);
        self.n_alone = self.n_alone.saturating_sub(u32::from(need.alone));
        let Some((size, seat)) = self.size(need).zip(seat) else { return };
        let mut all = self.opened.take().unwrap_or_default().into_vec();
        if opened::remove(&mut all, size, seat) {
            self.used.gpus = self.used.gpus.saturating_sub(1);
        }
        self.opened = (!all.is_empty()).then(|| all.into_boxed_slice());
    }

    fn size(&self, need: &Need) -> Option<Size> {
        Size::of(need.part?, self.geometry())
    }

    /// GPUs of which somebody has a part.
    pub(crate) fn opened(&self) -> &[Opened] {
        self.opened.as_deref().unwrap_or_default()
    }

    pub(super) const fn is_opened(&self) -> bool {
        self.opened.is_some()
    }

    /// The opened GPUs, if the node takes work at all.
    pub(super) fn takes_parts(&self) -> &[Opened] {
        if self.slot_view().takes_work() { self.opened() } else { &[] }
    }

    /// Thousandths of opened GPUs that are left for such a part; any that are left for `None`.
    pub(crate) fn left_milli(&self, part: Option<Part>) -> (u64, u32) {
        let slices = self.geometry().map_or(1, |geometry| geometry.memory_slices);
        let suits = |room: &opened::Room| match part {
            None => true,
            Some(Part::Share { .. }) => matches!(room, opened::Room::Milli(_)),
            Some(Part::Mig { .. }) => matches!(room, opened::Room::Beside(_)),
        };
        let rooms = self.opened().iter().map(Opened::room).filter(suits);
        let millis = rooms.map(|room| room.milli(slices));
        millis.fold((0, 0), |(sum, largest), milli| {
            (u64::from(milli).saturating_add(sum), largest.max(milli))
        })
    }

    pub(super) fn slot_view(&self) -> Slot {
        Slot {
            is_ready: self.node.state == NodeState::Ready,
            is_suspect: self.node.state == NodeState::Suspect,
            is_shared: self.is_shared(),
            is_idle: self.n_parts == 0,
            free: self.free(),
        }
    }
}
