//! Where a caller stands: the limits over it, outermost first, and its place among tenants.

use units::{Id, kinds};

/// Most levels over a caller: organisation, project, whose key it is, the key.
pub const LEVELS_MAX: usize = 4;

/// Somebody that limits are counted for; ids of all kinds differ, so the bytes are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder(pub [u8; 16]);

impl<K: units::IdKind> From<Id<K>> for Holder {
    fn from(id: Id<K>) -> Self {
        Self(*id.as_bytes())
    }
}

/// What somebody may do at most; `None` for no limit of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute, read and written.
    pub tokens_per_minute: Option<u64>,
    /// Requests in flight.
    pub concurrent_max: Option<u32>,
}

impl Limits {
    /// True if there is none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.requests_per_minute.is_none()
            && self.tokens_per_minute.is_none()
            && self.concurrent_max.is_none()
    }
}

/// The limits of one holder over a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Whose they are.
    pub holder: Holder,
    /// What they are.
    pub limits: Limits,
}

/// Where a caller stands. All levels hold at once, so a lower one can only tighten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Levels that have limits, outermost first.
    pub levels: [Option<Level>; LEVELS_MAX],
    /// The organisation that waits in line when a model is overloaded; zeros for none.
    pub organisation: Id<kinds::Organisation>,
    /// Its share among organisations that wait, from 1.
    pub organisation_weight: u32,
    /// Its project's share among the organisation's, from 1.
    pub project_weight: u32,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            levels: [None; LEVELS_MAX],
            organisation: Id::from_bytes([0; 16]),
            organisation_weight: 1,
            project_weight: 1,
        }
    }
}
