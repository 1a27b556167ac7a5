//! The mix of a fleet as tables of integers. They are ours: round figures with the shape that public
//! traces have (most jobs small, most GPU time in the large ones, durations like a log-normal, days
//! and weeks visible), tuned to no list. Segments follow the rule of NVIDIA's NVL72 study.

/// A size with its share of all jobs and its median duration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) gpus: u32,
    /// Of 10,000 jobs.
    pub(super) weight: u64,
    pub(super) median_s: u64,
}

const fn size(gpus: u32, weight: u64, median_s: u64) -> Size {
    Size { gpus, weight, median_s }
}

/// Sizes from 1 to 1,024 GPUs.
pub(super) const SIZES: [Size; 11] = [
    size(1, 4_200, 1_200),
    size(2, 900, 1_800),
    size(4, 1_400, 2_400),
    size(8, 1_500, 3_600),
    size(16, 700, 5_400),
    size(32, 500, 7_200),
    size(64, 380, 10_800),
    size(128, 220, 14_400),
    size(256, 120, 21_600),
    size(512, 55, 28_800),
    size(1_024, 25, 43_200),
];

/// Durations as thousandths of the median: e^(2 z) at the probabilities (i + 1/2)/128 of a normal
/// distribution, z being its quantile. The mean is 6.46 times the median.
pub(super) const MULTIPLES_MILLI: [u64; 128] = [
    5, 11, 16, 21, 27, 32, 38, 44, 49, 56, 62, 68, 75, 82, 89, 96, 104, 112, 120, 128, 137, 146,
    155, 165, 175, 185, 195, 206, 217, 229, 241, 253, 266, 279, 293, 307, 321, 336, 352, 368, 385,
    402, 420, 438, 457, 477, 497, 518, 540, 562, 586, 610, 635, 661, 688, 716, 745, 775, 806, 838,
    872, 907, 943, 981, 1_020, 1_061, 1_103, 1_147, 1_193, 1_241, 1_291, 1_343, 1_397, 1_454,
    1_513, 1_575, 1_640, 1_708, 1_778, 1_853, 1_931, 2_013, 2_098, 2_189, 2_284, 2_384, 2_489,
    2_600, 2_717, 2_841, 2_973, 3_112, 3_259, 3_416, 3_583, 3_760, 3_950, 4_152, 4_369, 4_602,
    4_852, 5_122, 5_413, 5_728, 6_071, 6_444, 6_851, 7_298, 7_790, 8_334, 8_938, 9_613, 10_372,
    11_229, 12_207, 13_330, 14_635, 16_169, 17_996, 20_211, 22_951, 26_434, 31_015, 37_330, 46_651,
    61_995, 92_986, 204_411,
];

/// Arrivals in each hour of a day, in percent of the mean.
pub(super) const HOURS_PERCENT: [u64; 24] = [
    62, 56, 52, 50, 50, 54, 62, 76, 98, 122, 138, 144, 138, 140, 150, 152, 148, 140, 128, 118, 112,
    104, 90, 76,
];

/// Arrivals on each day of a week, Monday first, in percent of the mean.
pub(super) const DAYS_PERCENT: [u64; 7] = [108, 116, 118, 116, 108, 68, 66];

/// Trays of which a job wants to be in one rack each, by its GPUs: 16 from 128 GPUs, 4 from 32.
/// (NVIDIA, "Large_Perf_Custom" of its study of 5,000 NVL72 nodes.)
pub(super) const fn segment(gpus: u32) -> u32 {
    match gpus {
        128.. => 16,
        32.. => 4,
        _ => 1,
    }
}

/// Organisations, projects of each, users of each project.
pub(super) const TENANTS: [u64; 3] = [24, 4, 6];

/// One of `count` things, the first most often: weights 1, 1/2, 1/3 and so on (Zipf), in parts of
/// 5,040, which the first ten numbers divide.
pub(super) fn zipf(count: u64, mut draw: impl FnMut(u64) -> u64) -> u64 {
    const WHOLE: u64 = 5_040;
    let total: u64 = (1..=count).map(|rank| WHOLE / rank).sum();
    let mut left = draw(total);
    for rank in 1..count {
        let weight = WHOLE / rank;
        if left < weight {
            return rank;
        }
        left -= weight;
    }
    count
}
