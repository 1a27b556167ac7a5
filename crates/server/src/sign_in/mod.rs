//! Signing in: who is at the other end, and how that is remembered.
//!
//! Four ways in: an API key, a name with a password, an identity provider (in the browser or by the
//! device flow), and a capability token. What somebody may do is not decided here but in [`crate::http::access`].
//! Secrets are only ever kept as hashes, and names and addresses only where they can be erased.

pub(crate) mod capability;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod session;
pub(crate) mod throttle;
