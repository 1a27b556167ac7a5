//! The API as data: DTOs, endpoint descriptions, the problem table, OpenAPI and a typed client.
//!
//! Invariant: what OpenAPI says is what compiles. No server code, no kernel types.

pub mod client;
pub mod decode;
pub mod endpoint;
pub mod engine;
pub mod job_file;
pub mod nouns;
pub mod openapi;
pub mod operation;
pub mod problem;
pub mod quantity_text;
pub mod reference;
pub mod secret_text;
pub mod text;

#[cfg(test)]
mod tests;
