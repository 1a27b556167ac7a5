//! The server over a real socket, with a model that was really trained.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests")]

mod client;
mod evaluation;
mod server;
