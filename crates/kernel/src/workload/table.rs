//! All workloads, by id, in a form that is cheap to copy: a copy shares every workload with its
//! original until one of them changes it.
//!
//! Must be to its users the map that it wraps; that copies share is never seen but in time and memory.

use std::{collections::BTreeMap, ops::RangeBounds, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{Id, kinds};

use super::Workload;

type Key = Id<kinds::Workload>;

/// Workloads by id.
#[derive(Debug, Clone, Default)]
pub struct Workloads(BTreeMap<Key, Arc<Workload>>);

impl Workloads {
    /// A workload.
    #[must_use]
    pub fn get(&self, id: &Key) -> Option<&Workload> {
        self.0.get(id).map(Arc::as_ref)
    }

    /// A workload to be changed; one that a copy shares is copied first.
    pub(crate) fn get_mut(&mut self, id: &Key) -> Option<&mut Workload> {
        self.0.get_mut(id).map(Arc::make_mut)
    }

    pub(crate) fn insert(&mut self, id: Key, workload: Workload) {
        self.0.insert(id, Arc::new(workload));
    }

    /// Takes one out, to be changed with [`Arc::make_mut`] and put back.
    pub(crate) fn take_out(&mut self, id: &Key) -> Option<Arc<Workload>> {
        self.0.remove(id)
    }

    pub(crate) fn put_back(&mut self, workload: Arc<Workload>) {
        self.0.insert(workload.id, workload);
    }

    /// Holds a workload in common with another table that has an equal one.
    pub(crate) fn share(&mut self, id: &Key, other: &Self) {
        let Some((own, theirs)) = self.0.get_mut(id).zip(other.0.get(id)) else { return };
        if !Arc::ptr_eq(own, theirs) && own == theirs {
            own.clone_from(theirs);
        }
    }

    /// True if there is one of this id.
    #[must_use]
    pub fn contains_key(&self, id: &Key) -> bool {
        self.0.contains_key(id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ids in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Key> + Clone {
        self.0.keys()
    }

    /// All of them, by id.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Workload> + Clone {
        self.0.values().map(Arc::as_ref)
    }

    /// All of them with their ids.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Workload)> + Clone {
        self.0.iter().map(|(id, workload)| (id, workload.as_ref()))
    }

    /// Those of a range of ids.
    pub fn range(
        &self,
        range: impl RangeBounds<Key>,
    ) -> impl DoubleEndedIterator<Item = (&Key, &Workload)> {
        self.0.range(range).map(|(id, workload)| (id, workload.as_ref()))
    }
}

impl std::ops::Index<&Key> for Workloads {
    type Output = Workload;

    /// # Panics
    /// If there is no such workload, as maps do.
    #[expect(clippy::indexing_slicing, reason = "it is what indexing a map means; tests use it")]
    fn index(&self, id: &Key) -> &Workload {
        self.0[id].as_ref()
    }
}

impl Serialize for Workloads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Workloads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let plain = BTreeMap::<Key, Workload>::deserialize(deserializer)?;
        Ok(Self(plain.into_iter().map(|(id, workload)| (id, Arc::new(workload))).collect()))
    }
}
