//! Nouns of sovereignty: who owns what, where data is kept, and where it may be.

mod entity;
mod evidence;
mod policy;
pub(super) mod residency;
mod storage;
mod trial;

use super::{failure::Failure, session::Session};

/// One of the nouns; on the command line they stand beside all others.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Noun {
    #[command(subcommand)]
    Policy(policy::Verb),
    #[command(subcommand)]
    Entity(entity::Verb),
    #[command(subcommand)]
    Evidence(evidence::Verb),
    #[command(subcommand)]
    Storage(storage::Verb),
    #[command(subcommand)]
    Residency(residency::Verb),
}

/// Runs the verb of a noun.
pub(super) fn run(noun: Noun, session: &Session) -> Result<(), Failure> {
    match noun {
        Noun::Policy(verb) => policy::run(verb, session),
        Noun::Entity(verb) => entity::run(verb, session),
        Noun::Evidence(verb) => evidence::run(verb, session),
        Noun::Storage(verb) => storage::run(verb, session),
        Noun::Residency(verb) => residency::run(verb, session),
    }
}
