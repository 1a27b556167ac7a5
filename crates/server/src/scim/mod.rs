//! SCIM 2.0 (RFC 7643, RFC 7644): directories of organisations create, change and remove their people.

mod error;
mod filter;
mod patch;
