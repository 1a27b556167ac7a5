//! Prints the OpenAPI document; `cargo xtask openapi` keeps the checked-in copy equal to it.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::{Serializer, ser::PrettyFormatter};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    // One space a level: at two, a fifth of the file would be blanks.
    let formatter = PrettyFormatter::with_indent(b" ");
    let mut serializer = Serializer::with_formatter(&mut out, formatter);
    api::openapi::document().serialize(&mut serializer).map_err(io::Error::other)?;
    writeln!(out)
}
