//! Capability tokens: get one, narrow it without asking anybody, see what it says.
//!
//! Narrowing works without a platform and without a network. A token is read from standard input unless
//! it is given, so that it need not appear in a shell history.

use api::{
    client::Options,
    endpoint::Nothing,
    nouns::capability::{CapabilityCreate, CapabilityRevocation, CapabilityRevoke},
    text::Timestamp,
};
use serde::Serialize;
use server::{Attenuation, attenuate, describe};
use units::{Country, DurationMicros, MicroEuro, UnixMicros};

use super::{
    failure::Failure,
    login,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::now,
    say,
    table::{Table, left},
};

/// How a token is narrowed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde key capability | cocarde key attenuate --model acme-words --budget '5 EUR' --until 2027-01-31
  cocarde key attenuate ccc_… --country FR --country DE --until 8h
  cocarde key attenuate --operation workload_list --operation workload_get < token.txt")]
pub(crate) struct AttenuateArgs {
    /// The token; from standard input if absent
    token: Option<String>,
    /// Only this model, by its public name; repeat for several
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Calls with the new token may cost so much together
    #[arg(long, value_name = "AMOUNT")]
    budget: Option<MicroEuro>,
    /// Only machines in this country may answer; repeat for several
    #[arg(long, value_name = "COUNTRY")]
    country: Vec<Country>,
    /// Nothing from then on: a date, a time, or a duration from now such as `8h`
    #[arg(long, value_name = "WHEN", value_parser = parse_until)]
    until: Option<UnixMicros>,
    /// Only this operation of the API, such as `workload_list`; repeat for several
    #[arg(long, value_name = "ID")]
    operation: Vec<String>,
}

/// A token as a command shows it.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    token: &'a str,
}

/// What a token says.
#[derive(Debug, Serialize)]
struct Blocks {
    blocks: Vec<Block>,
}

/// One block of a token.
#[derive(Debug, Serialize)]
struct Block {
    revocation_id: String,
    says: String,
}

/// A token with the rights of the key or session in use.
pub(crate) fn create(session: &Session) -> Result<(), Failure> {
    let nothing = Nothing {};
    let client = session.client()?;
    let made =
        client.call::<CapabilityCreate>(&nothing, &nothing, &nothing, &Options::default())?;
    show(session, &made.token)
}

/// Revokes a token with all that were made from it.
pub(crate) fn revoke(token: Option<String>, once: Once, session: &Session) -> Result<(), Failure> {
    let body = CapabilityRevocation { token: token_of(token)? };
    session.change::<CapabilityRevoke>(&Nothing {}, &body, &Guard::once(once))?;
    say("revoked: it and all that were made from it count no more");
    session.output.show(&Nothing {}, Table::fields)
}

/// Narrows a token.
pub(crate) fn narrow(args: AttenuateArgs, session: &Session) -> Result<(), Failure> {
    let token = token_of(args.token)?;
    let to = Attenuation {
        models: args.model,
        budget: args.budget,
        countries: args.country,
        until: args.until,
        operations: args.operation,
    };
    let narrowed = attenuate(&token, &to).map_err(|error| Failure::invalid(error.to_string()))?;
    show(session, &narrowed)
}

/// Shows what a token says, without asking anybody.
pub(crate) fn explain(token: Option<String>, session: &Session) -> Result<(), Failure> {
    let described =
        describe(&token_of(token)?).map_err(|error| Failure::invalid(error.to_string()))?;
    let pairs = described.blocks.into_iter().zip(described.revocation_ids);
    let blocks =
        pairs.map(|(says, revocation_id)| Block { says: says.trim().to_owned(), revocation_id });
    let shown = Blocks { blocks: blocks.collect() };
    session.output.show(&shown, || {
        let mut table = Table::new(&[left("BLOCK"), left("SAYS")]);
        for (index, block) in shown.blocks.iter().enumerate() {
            for line in block.says.lines() {
                table.row([index.to_string(), line.to_owned()]);
            }
        }
        table
    })?;
    say("whether it is genuine and not revoked only the platform knows");
    Ok(())
}

/// The token alone, so that commands can be joined by a pipe.
fn show(session: &Session, token: &str) -> Result<(), Failure> {
    match session.output.format() {
        crate::output::Format::Table => crate::output::write_bytes(format!("{token}\n").as_bytes()),
        crate::output::Format::Json | crate::output::Format::Yaml => {
            session.output.show(&Shown { token }, || Table::new(&[left("TOKEN")]))
        }
    }
}

fn token_of(given: Option<String>) -> Result<String, Failure> {
    match given.as_deref() {
        None | Some("-") => login::read_hidden("token"),
        Some(token) => Ok(token.to_owned()),
    }
}

/// A duration from now, a time, or a date, which ends where the day begins (UTC).
fn parse_until(text: &str) -> Result<UnixMicros, String> {
    if let Ok(duration) = text.parse::<DurationMicros>() {
        return Ok(now().plus(duration));
    }
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let at: Timestamp = serde_json::from_value(serde_json::Value::String(whole))
        .map_err(|_| "write a date such as `2027-01-31`, a time such as `2027-01-31T18:00:00Z`, or a duration such as `8h`".to_owned())?;
    Ok(at.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_dates_times_or_durations() {
        assert_eq!(parse_until("2027-01-31"), parse_until("2027-01-31T00:00:00Z"));
        assert_eq!(parse_until("2027-01-31").unwrap().secs(), 1_801_353_600);
        let soon = parse_until("8h").unwrap().0 - now().0;
        assert!((28_799_000_000..=28_800_000_000).contains(&soon), "{soon}");
        for wrong in ["", "tomorrow", "2027-13-01", "31.1.2027"] {
            assert!(parse_until(wrong).is_err(), "{wrong}");
        }
    }
}
