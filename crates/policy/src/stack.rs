//! Enough stack for Cedar, wherever the caller stands.
//!
//! Cedar's validator recurses, and where it finds less than 100 KiB of stack it gives up on an
//! expression *without an error*: a text could be refused on one thread and taken into force on
//! another, and the parser would overflow on a small thread. Together with the bounds of
//! [`crate::scan`] the sizes here make every verdict the same on every thread. They must not be
//! lowered without the test that runs the deepest texts on a small thread.

/// Stack for parsing and validating; a debug build needs about 25 KiB a level.
const COMPILE_BYTES: usize = 16 * 1024 * 1024;
/// Stack for evaluating, before any level.
const DECIDE_BASE_BYTES: usize = 256 * 1024;
/// Stack for evaluating one more operator, twice what a debug build needs. A set of ordinary
/// policies has a few operators in each, so that a thread's usual 2 MiB are enough as they are.
const DECIDE_OPERATOR_BYTES: usize = 80 * 1024;

/// Runs the compiler with enough stack.
pub(crate) fn for_compiling<R>(run: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(COMPILE_BYTES, COMPILE_BYTES.saturating_mul(2), run)
}

/// Runs the evaluator with enough stack for policies of at most this many operators.
pub(crate) fn for_deciding<R>(operators: u32, run: impl FnOnce() -> R) -> R {
    let operators = usize::try_from(operators).unwrap_or(usize::MAX);
    let bytes = DECIDE_OPERATOR_BYTES.saturating_mul(operators).saturating_add(DECIDE_BASE_BYTES);
    stacker::maybe_grow(bytes, bytes.saturating_mul(2), run)
}
