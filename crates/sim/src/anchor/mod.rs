//! Published experiments of others, repeated with our own code and compared with their figures.
//!
//! Each folder is one experiment: its reader, its rules and its comparison. None may hard-code a
//! figure that it is compared with; those are read from the published files.

pub mod muri;
pub mod philly;
pub mod rows;
