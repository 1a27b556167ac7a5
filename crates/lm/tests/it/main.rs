//! The server over a real socket, with a model that was really trained.

mod client;
mod server;
