//! The fragmentation measure of FGD, exact.
//!
//! For a node and a typical class: all free GPU milli count as fragments if the class cannot run
//! there (no GPU asked, wrong model, too little processor, too few GPUs with enough room), else
//! only those on GPUs with less room than the class asks. The mean over the classes, weighted by
//! how often they come, is the node's fragmentation (Weng et al., "Beware of Fragmentation", USENIX
//! ATC 2023, section 4). Here nothing is divided: sums are kept over counts, so equal states
//! compare as equal. The artifact divides in floating point, which turns some exact ties into the
//! level below.

use super::need::{Class, Models, Need};
use super::{Gpus, Model};

/// Fragmented GPU milli of a fleet, as a sum over the classes' counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fragmentation {
    /// Milli of each node times the count of each class for which they are fragments.
    pub milli_counts: i64,
    /// The sum of the counts; dividing by it gives milli.
    pub counts: i64,
}

/// Classes that differ only in the processor they ask.
#[derive(Debug, Clone)]
struct Shape {
    milli: u16,
    count: usize,
    models: Models,
    /// For each rung of the processor ladder, how much of this shape a node on that rung can run.
    runnable: Vec<i64>,
}

/// The measure for one set of typical classes.
#[derive(Debug, Clone, Default)]
pub(super) struct Measure {
    counts: i64,
    /// Distinct processor demands in ascending order; a node stands on the rung that it reaches.
    ladder: Vec<u32>,
    /// In ascending order of `milli`.
    shapes: Vec<Shape>,
}

impl Measure {
    pub(super) fn new(typical: &[Class]) -> Self {
        let with_gpus = || typical.iter().filter(|class| class.need.gpus != Gpus::None);
        let mut ladder: Vec<u32> = with_gpus().map(|class| class.need.cpu_milli).collect();
        ladder.sort_unstable();
        ladder.dedup();
        let key = |need: &Need| (need.gpus.milli_each(), need.gpus.count(), need.models);
        let mut keys: Vec<(u16, usize, Models)> =
            with_gpus().map(|class| key(&class.need)).collect();
        keys.sort_unstable();
        keys.dedup();
        let runnable = |shape: (u16, usize, Models), cpu: u32| {
            let of_shape = with_gpus().filter(|class| key(&class.need) == shape);
            let fits = of_shape.filter(|class| class.need.cpu_milli <= cpu);
            fits.map(|class| i64::from(class.count)).sum()
        };
        let shapes = keys.into_iter().map(|shape| Shape {
            milli: shape.0,
            count: shape.1,
            models: shape.2,
            runnable: std::iter::once(0)
                .chain(ladder.iter().map(|&cpu| runnable(shape, cpu)))
                .collect(),
        });
        Self {
            counts: typical.iter().map(|class| i64::from(class.count)).sum(),
            shapes: shapes.collect(),
            ladder,
        }
    }

    /// The sum of the counts of the typical classes.
    pub(super) fn counts(&self) -> i64 {
        self.counts
    }

    /// Milli that are fragments, times counts, on a node with so much free.
    pub(super) fn fragmented(&self, cpu_milli: u32, gpus_milli: &[u16], model: Model) -> i64 {
        let free: i64 = gpus_milli.iter().map(|&milli| i64::from(milli)).sum();
        if free == 0 {
            return 0;
        }
        let rung = self.ladder.partition_point(|&cpu| cpu <= cpu_milli);
        let mut usable = 0_i64;
        let (mut milli, mut count, mut room) = (0, 0_usize, 0_i64);
        for shape in &self.shapes {
            if shape.milli != milli {
                milli = shape.milli;
                (count, room) = (0, 0);
                for &free in gpus_milli.iter().filter(|&&free| free >= milli) {
                    count = count.saturating_add(1);
                    room = room.saturating_add(i64::from(free));
                }
            }
            if count >= shape.count && shape.models.has(model) {
                let runnable = shape.runnable.get(rung).copied().unwrap_or(0);
                usable = usable.saturating_add(room.saturating_mul(runnable));
            }
        }
        free.saturating_mul(self.counts).saturating_sub(usable)
    }
}

/// 1,000,000 × 1,000 × ln(s / (100 - s)) for s from 51 to 99: the least reduction of fragmentation,
/// in millionths of a milli, at which the level is s. The negative ones mirror them.
const RISES: [i64; 49] = [
    40_005_335,
    80_042_708,
    120_144_312,
    160_342_650,
    200_670_695,
    241_162_057,
    281_851_152,
    322_773_392,
    363_965_377,
    405_465_108,
    447_312_218,
    489_548_225,
    532_216_814,
    575_364_145,
    619_039_208,
    663_294_217,
    708_185_058,
    753_771_802,
    800_119_300,
    847_297_860,
    895_384_047,
    944_461_609,
    994_622_575,
    1_045_968_555,
    1_098_612_289,
    1_152_679_510,
    1_208_311_206,
    1_265_666_373,
    1_324_925_415,
    1_386_294_361,
    1_450_010_176,
    1_516_347_489,
    1_585_627_264,
    1_658_228_077,
    1_734_601_055,
    1_815_289_967,
    1_900_958_761,
    1_992_430_165,
    2_090_741_097,
    2_197_224_577,
    2_313_634_929,
    2_442_347_035,
    2_586_689_344,
    2_751_535_313,
    2_944_438_979,
    3_178_053_830,
    3_476_098_690,
    3_891_820_298,
    4_595_119_850,
];

/// FGD's score: floor(100 / (1 + exp(-d / 1000))) with d the reduction in milli, that is
/// `reduction / counts`. From 0 to 99; 50 means that nothing changes.
#[must_use]
pub fn level(reduction: i64, counts: i64) -> i64 {
    let scaled = i128::from(reduction).saturating_mul(1_000_000);
    let reached = |rise: i64| i128::from(rise).saturating_mul(i128::from(counts)) <= scaled;
    let levels = if reduction >= 0 {
        RISES.partition_point(|&rise| reached(rise)).saturating_add(50)
    } else {
        49_usize.saturating_sub(RISES.partition_point(|&rise| !reached(rise.saturating_neg())))
    };
    i64::try_from(levels).unwrap_or(0)
}
