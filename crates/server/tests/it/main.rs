//! The HTTP server in one process, with a real log and real blobs in a temporary folder.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as loudly as its body")]

mod apart;
mod assigned;
mod attacks;
mod bill;
mod budgets;
mod capacity;
mod capture;
mod capture_spool;
mod conditions;
mod content;
mod course;
mod drive;
mod entries;
mod erasure;
mod errors;
mod exit;
mod exit_rights;
mod identities;
mod life;
mod matrix;
mod oidc;
mod pages;
mod power;
mod provider;
mod rate_limits;
mod scim;
mod score;
mod sending;
mod sign_in;
mod sovereign;
mod streams;
mod support;
mod tenants;
mod terms;
mod upstreams;
mod world;
