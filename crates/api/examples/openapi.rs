//! Prints the OpenAPI document; `cargo xtask openapi` keeps the checked-in copy equal to it.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let text = serde_json::to_string_pretty(&api::openapi::document()).map_err(io::Error::other)?;
    writeln!(io::stdout().lock(), "{text}")
}
