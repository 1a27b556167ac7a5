//! Classes of size by which waits and completion times are told apart.

/// Names of the classes, from small to large.
pub const SIZE_CLASSES: [&str; 7] =
    ["no GPU", "part of a GPU", "1 GPU", "2–8 GPUs", "9–64 GPUs", "65–256 GPUs", "over 256 GPUs"];

/// The class of a job by its GPUs, in thousandths.
pub(super) const fn class_of(gpu_milli: u64) -> usize {
    match gpu_milli {
        0 => 0,
        1..1_000 => 1,
        1_000 => 2,
        1_001..=8_000 => 3,
        8_001..=64_000 => 4,
        64_001..=256_000 => 5,
        _ => 6,
    }
}
