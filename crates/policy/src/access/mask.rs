//! What somebody may do, as bits: one for each group and one for each operation.
//!
//! Must never be stored: the bit of an operation is its place in a sorted list that grows.

use super::{Group, table};

/// Words of a mask: room for this many times 64 operations.
const WORDS: usize = 8;
/// Operations that the vocabulary can hold.
pub(super) const OPERATIONS_MAX: usize = WORDS * 64;

/// An operation of the API, by its place in the sorted vocabulary of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation(u16);

/// Something that a mask can permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Everything in the group, asked outside of any operation.
    Group(Group),
    /// One operation of the API.
    Operation(Operation),
}

/// A set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mask {
    groups: u16,
    operations: [u64; WORDS],
}

impl Operation {
    /// The operation of that id, such as `workload_create`.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        table::TABLE.operation(id)
    }

    /// Its id.
    #[must_use]
    pub fn id(self) -> &'static str {
        table::TABLE.id_of(self)
    }

    pub(super) fn at(position: usize) -> Option<Self> {
        let is_known = position < OPERATIONS_MAX;
        u16::try_from(position).ok().filter(|_| is_known).map(Self)
    }

    pub(super) const fn position(self) -> usize {
        self.0 as usize
    }

    /// The word and the bit in it.
    const fn bit(self) -> (usize, u64) {
        ((self.0 >> 6) as usize, 1_u64 << (self.0 & 63))
    }
}

impl Mask {
    /// Permits nothing.
    pub const NOTHING: Self = Self { groups: 0, operations: [0; WORDS] };

    /// Permits this operation alone.
    #[must_use]
    pub fn one(operation: Operation) -> Self {
        Self::NOTHING.with(Action::Operation(operation))
    }

    /// The same and this action.
    #[must_use]
    pub fn with(mut self, action: Action) -> Self {
        match action {
            Action::Group(group) => self.groups |= bit_of(group),
            Action::Operation(operation) => {
                let (word, bit) = operation.bit();
                if let Some(word) = self.operations.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        self
    }

    /// True if the action is permitted.
    #[must_use]
    pub fn allows(&self, action: Action) -> bool {
        match action {
            Action::Group(group) => self.groups & bit_of(group) != 0,
            Action::Operation(operation) => {
                let (word, bit) = operation.bit();
                self.operations.get(word).is_some_and(|word| word & bit != 0)
            }
        }
    }

    /// What either permits.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.groups |= other.groups;
        for (mine, theirs) in self.operations.iter_mut().zip(other.operations) {
            *mine |= theirs;
        }
        self
    }

    /// What both permit.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.groups &= other.groups;
        for (mine, theirs) in self.operations.iter_mut().zip(other.operations) {
            *mine &= theirs;
        }
        self
    }

    /// What the first permits and the second does not.
    #[must_use]
    pub fn without(mut self, other: Self) -> Self {
        self.groups &= !other.groups;
        for (mine, theirs) in self.operations.iter_mut().zip(other.operations) {
            *mine &= !theirs;
        }
        self
    }

    /// True if nothing is permitted.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// True if everything that this permits, the other permits as well.
    #[must_use]
    pub fn within(self, other: Self) -> bool {
        self.without(other).is_nothing()
    }

    /// The operations that are permitted, by id.
    pub fn operations(self) -> impl Iterator<Item = &'static str> {
        let all = super::operations().map(|(id, _)| id);
        all.filter(move |id| {
            Operation::named(id).is_some_and(|o| self.allows(Action::Operation(o)))
        })
    }
}

const fn bit_of(group: Group) -> u16 {
    match group {
        Group::Read => 1,
        Group::Work => 1 << 1,
        Group::Infer => 1 << 2,
        Group::Administer => 1 << 3,
        Group::Operate => 1 << 4,
        Group::Audit => 1 << 5,
        Group::Bill => 1 << 6,
        Group::Teach => 1 << 7,
        Group::Study => 1 << 8,
        Group::Content => 1 << 9,
    }
}
