//! GPUs of which somebody has a part: those of one node, and those of a pool by what is left of them.
//!
//! A GPU is opened by the first part and whole again when the last one leaves. INVARIANT: a GPU with
//! shares carries no instance and the other way round, unless the caller says that it does; then
//! nobody gets a part of it.

use std::collections::BTreeMap;

use crate::mig::{Geometry, Profile, Slices};
use crate::part::{GPU_MILLI, Part, Seat};

/// A GPU that somebody has a part of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) gpu: u32,
    /// Thousandths that shares have; more than all only where the caller said so.
    milli: u32,
    n_shares: u32,
    /// What each instance takes.
    instances: Vec<Slices>,
}

/// What is left of an opened GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Room {
    /// Thousandths, for shares.
    Milli(u32),
    /// All but these slices, for instances.
    Beside(Slices),
    /// Nothing for anybody.
    None,
}

/// A part in the terms of one model.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Milli(u32),
    Profile(&'static Profile),
}

impl Size {
    /// The part on a GPU of this geometry; `None` if it cannot be cut so.
    pub(crate) fn of(part: Part, geometry: Option<&'static Geometry>) -> Option<Self> {
        match part {
            Part::Share { milli } => Some(Self::Milli(milli)),
            Part::Mig { profile } => {
                let geometry = geometry?;
                geometry.profile(geometry.find(profile.as_str())?).map(Self::Profile)
            }
        }
    }

    /// What it takes from a start on.
    fn slices(self, start: u8) -> Slices {
        match self {
            Self::Milli(_) => Slices::NONE,
            Self::Profile(profile) => profile.slices(start),
        }
    }
}

impl Room {
    /// True if the part has a place there.
    pub(crate) fn fits(self, size: Size) -> bool {
        match (self, size) {
            (Self::Milli(free), Size::Milli(milli)) => free >= milli,
            (Self::Beside(taken), Size::Profile(profile)) => {
                profile.free_starts(taken).next().is_some()
            }
            (Self::Milli(_), Size::Profile(_))
            | (Self::Beside(_), Size::Milli(_))
            | (Self::None, Size::Milli(_) | Size::Profile(_)) => false,
        }
    }

    /// Thousandths that are left, of all `memory_slices`.
    pub(crate) fn milli(self, memory_slices: u8) -> u32 {
        match self {
            Self::Milli(milli) => milli,
            Self::Beside(taken) => {
                let free = u32::from(memory_slices).saturating_sub(taken.n_memory());
                let milli = free.saturating_mul(GPU_MILLI);
                milli.checked_div(u32::from(memory_slices)).unwrap_or(0)
            }
            Self::None => 0,
        }
    }
}

impl Opened {
    pub(crate) fn room(&self) -> Room {
        match (self.n_shares, self.instances.as_slice()) {
            (_, []) => Room::Milli(GPU_MILLI.saturating_sub(self.milli)),
            (0, all) => Room::Beside(all.iter().fold(Slices::NONE, |sum, one| sum.with(*one))),
            (_, _) => Room::None,
        }
    }

    const fn is_whole(&self) -> bool {
        self.n_shares == 0 && self.instances.is_empty()
    }
}

/// Adds a part at a seat; true if that opens the GPU.
pub(super) fn add(all: &mut Vec<Opened>, size: Size, seat: Seat) -> bool {
    let found = all.binary_search_by_key(&seat.gpu, |one| one.gpu);
    let at = found.unwrap_or_else(|at| {
        all.insert(at, Opened { gpu: seat.gpu, ..Opened::default() });
        at
    });
    let Some(one) = all.get_mut(at) else { return false };
    match size {
        Size::Milli(milli) => {
            one.milli = one.milli.saturating_add(milli);
            one.n_shares = one.n_shares.saturating_add(1);
        }
        Size::Profile(_) => one.instances.push(size.slices(seat.start.unwrap_or(0))),
    }
    found.is_err()
}

/// Takes a part away; true if that makes the GPU whole. What was never there changes nothing.
pub(super) fn remove(all: &mut Vec<Opened>, size: Size, seat: Seat) -> bool {
    let Ok(at) = all.binary_search_by_key(&seat.gpu, |one| one.gpu) else { return false };
    let Some(one) = all.get_mut(at) else { return false };
    match size {
        Size::Milli(milli) => {
            one.milli = one.milli.saturating_sub(milli);
            one.n_shares = one.n_shares.saturating_sub(1);
        }
        Size::Profile(_) => {
            let slices = size.slices(seat.start.unwrap_or(0));
            if let Some(at) = one.instances.iter().position(|other| *other == slices) {
                one.instances.swap_remove(at);
            }
        }
    }
    let is_whole = one.is_whole();
    if is_whole {
        all.remove(at);
    }
    is_whole
}

/// The opened GPUs of a pool that take more, by what is left and by shelf.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByRoom(BTreeMap<(Room, u32), u32>);

impl ByRoom {
    /// Counts the GPUs of one node on a shelf, or no longer.
    pub(super) fn file(&mut self, shelf: u32, opened: &[Opened], is_in: bool) {
        for one in opened {
            let key = (one.room(), shelf);
            if is_in {
                let count = self.0.entry(key).or_default();
                *count = count.saturating_add(1);
            } else if let Some(count) = self.0.get_mut(&key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.0.remove(&key);
                }
            }
        }
    }

    /// GPUs with room for a share, tightest first, each with its shelf.
    pub(crate) fn for_share(&self, milli: u32) -> impl Iterator<Item = (Room, u32)> + '_ {
        let range = (Room::Milli(milli), 0)..=(Room::Milli(GPU_MILLI), u32::MAX);
        self.0.range(range).map(|(key, _)| *key)
    }

    /// Shelves with a GPU on which just these slices are taken.
    pub(crate) fn beside(&self, taken: Slices) -> impl Iterator<Item = u32> + '_ {
        let room = Room::Beside(taken);
        self.0.range((room, 0)..=(room, u32::MAX)).map(|((_, shelf), _)| *shelf)
    }
}
