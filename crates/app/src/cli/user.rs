//! `user`: how somebody signs in. Who people are and what they may do is under `members`.
//!
//! A password is typed unseen or read from standard input, and is never an argument.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        password::{PasswordNew, PasswordSet},
    },
};
use units::{Id, kinds};

use super::{
    failure::Failure,
    login,
    session::{Guard, Once, Session},
};
use crate::output::{say, table::Table};

/// How people sign in
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde user password set usr_…
  cocarde user password set usr_… --user-name ada < password.txt")]
pub(crate) enum Verb {
    /// Passwords of local accounts
    #[command(subcommand)]
    Password(Password),
}

/// What is done about a password.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Password {
    /// Set somebody's password; all their sessions end
    #[command(after_help = "Examples:
  cocarde user password set usr_…
  cocarde user password set usr_… --own < current-and-new.txt

It is asked for and not shown. In scripts it is one line of standard input; with --own the first line is the
password in force, the second the new one. It needs at least 15 characters.")]
    Set {
        /// The user
        user: Id<kinds::User>,
        /// The name to sign in with, if it is not the address
        #[arg(long, value_name = "NAME")]
        user_name: Option<String>,
        /// It is one's own: the password in force is asked for first
        #[arg(long)]
        own: bool,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let Verb::Password(Password::Set { user, user_name, own, once }) = verb;
    let current = own.then(|| login::read_hidden("current password")).transpose()?;
    let password = login::read_hidden("password")?;
    let body = PasswordNew { user_name, current, password };
    session.change::<PasswordSet>(&IdPath { id: user }, &body, &Guard::once(once))?;
    say("the password is set; all sessions of this user have ended");
    session.output.show(&Nothing {}, Table::fields)
}
