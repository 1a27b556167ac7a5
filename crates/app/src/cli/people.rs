//! Who may do what, as one group of commands: people, groups, programs, roles, and what support may see.

use super::{
    consent, failure::Failure, group, identity_provider, members, role, service_account,
    session::Session, user,
};

/// The commands of the group; each is a verb of the program itself.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    #[command(subcommand)]
    Members(members::Verb),
    #[command(subcommand)]
    User(user::Verb),
    #[command(subcommand)]
    IdentityProvider(identity_provider::Verb),
    #[command(subcommand)]
    Group(group::Verb),
    #[command(subcommand)]
    ServiceAccount(service_account::Verb),
    #[command(subcommand)]
    Role(role::Verb),
    #[command(subcommand)]
    Consent(consent::Verb),
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Members(verb) => members::run(verb, session),
        Verb::User(verb) => user::run(verb, session),
        Verb::IdentityProvider(verb) => identity_provider::run(verb, session),
        Verb::Group(verb) => group::run(verb, session),
        Verb::ServiceAccount(verb) => service_account::run(verb, session),
        Verb::Role(verb) => role::run(verb, session),
        Verb::Consent(verb) => consent::run(verb, session),
    }
}
