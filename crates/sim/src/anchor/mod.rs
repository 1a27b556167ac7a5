//! Published experiments of others, repeated with our own code and compared with their figures.
//!
//! Each folder is one experiment: its reader, its rules and its comparison. Each is pure: text in,
//! figures out. None may carry a result that it did not compute.

pub mod carbon;
pub mod kueue;
pub mod muri;
pub mod openb;
pub mod philly;
pub mod rows;
pub mod segments;
pub mod text;
