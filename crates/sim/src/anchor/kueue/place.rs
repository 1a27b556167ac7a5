//! Where pods go once their quota is granted. A seam, so that a real placement can be put here.
//!
//! Must never place more in a rack than it has.

use super::{Topology, WorkloadSet};

/// CPU taken, in thousandths, by rack.
pub type Placement = Vec<(usize, u64)>;

/// Finds room for a workload's pods.
pub trait Place {
    /// Takes room, or `None` if there is none that the topology allows.
    fn place(&mut self, set: &WorkloadSet) -> Option<Placement>;
    /// Gives room back.
    fn release(&mut self, placement: &Placement);
}

/// Quota is all that counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anywhere;

impl Place for Anywhere {
    fn place(&mut self, _: &WorkloadSet) -> Option<Placement> {
        Some(Placement::new())
    }

    fn release(&mut self, _: &Placement) {}
}

/// Free CPU of each rack as one number: that a pod must fit a node is left out, which is exact as
/// long as pods are much smaller than nodes and racks are not nearly full.
#[derive(Debug, Clone)]
pub struct RackCount {
    free_milli: Vec<u64>,
}

impl RackCount {
    /// Empty racks.
    #[must_use]
    pub fn new(n_racks: usize, rack_milli: u64) -> Self {
        Self { free_milli: vec![rack_milli; n_racks] }
    }

    /// Takes room in the fullest rack that has it, the first among equals.
    fn take(&mut self, milli: u64) -> Option<(usize, u64)> {
        let racks = self.free_milli.iter_mut().enumerate();
        let fits = racks.filter(|(_, free)| **free >= milli);
        let (rack, free) = fits.min_by_key(|(rack, free)| (**free, *rack))?;
        *free -= milli;
        Some((rack, milli))
    }
}

impl Place for RackCount {
    fn place(&mut self, set: &WorkloadSet) -> Option<Placement> {
        let whole = [set.pods].to_vec();
        let pieces_of = |pods: u64| {
            let pods = pods.clamp(1, set.pods.max(1));
            let mut pieces = vec![pods; usize::try_from(set.pods / pods).unwrap_or(0)];
            pieces.extend(Some(set.pods % pods).filter(|rest| *rest > 0));
            pieces
        };
        let attempts = match set.topology {
            Topology::Any => vec![pieces_of(1)],
            Topology::RequiredRack => vec![whole],
            Topology::PreferredRack => vec![whole, pieces_of(1)],
            Topology::Slices { pods } => vec![pieces_of(pods)],
        };
        for pieces in attempts {
            let mut placement = Placement::new();
            for pods in &pieces {
                placement.extend(self.take(pods * set.pod_milli));
            }
            if placement.len() == pieces.len() {
                return Some(placement);
            }
            self.release(&placement);
        }
        None
    }

    fn release(&mut self, placement: &Placement) {
        for (rack, milli) in placement {
            if let Some(free) = self.free_milli.get_mut(*rack) {
                *free += milli;
            }
        }
    }
}
