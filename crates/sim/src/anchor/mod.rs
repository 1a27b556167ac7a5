//! Published experiments, run again with our own core, so that its figures can be compared.
//!
//! Each anchor is pure: text in, figures out. None may carry a result that it did not compute.

pub mod carbon;
pub mod segments;
