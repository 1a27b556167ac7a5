//! `consent`: let support look at what is a tenant's own, for a while.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, PageQuery},
        consent::{
            Consent, ConsentCreate, ConsentGet, ConsentLevel, ConsentList, ConsentNew,
            ConsentRevoke,
        },
    },
    reference::PolicyScope,
};
use units::{DurationMicros, Id, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{or_dash, time, word},
    table::{Table, left, right},
};

/// Consents: support sees a tenant's own data only under one
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde consent grant usr_… --on orange/nlp --expires 4h
  cocarde consent revoke cns_…
  cocarde events -o json | grep consent.used")]
pub(crate) enum Verb {
    /// List consents, in force or over
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one consent
    Get {
        /// Its id
        consent: Id<kinds::Consent>,
    },
    /// Let named people of the platform look, for at most 7 days
    Grant {
        /// The people, by the ids that support gave you
        #[arg(required = true)]
        users: Vec<Id<kinds::User>>,
        /// What they may see: an organisation, or `organisation/project`
        #[arg(long, value_name = "SCOPE")]
        on: PolicyScope,
        /// When it ends, such as `4h`
        #[arg(long, value_name = "DURATION")]
        expires: DurationMicros,
        /// Let them administer, not only read
        #[arg(long)]
        administer: bool,
        #[command(flatten)]
        once: Once,
    },
    /// Take a consent back at once
    Revoke {
        /// Its id
        consent: Id<kinds::Consent>,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { consent } => {
            show(session, &session.read::<ConsentGet>(&IdPath { id: consent })?)
        }
        Verb::Grant { users, on, expires, administer, once } => {
            let level = if administer { ConsentLevel::Administer } else { ConsentLevel::Read };
            let expires_in_seconds = expires.as_secs();
            let body = ConsentNew { scope: on, users, level, expires_in_seconds };
            let guard = Guard::once(once);
            show(session, &session.change::<ConsentCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Revoke { consent, once } => {
            let (path, guard) = (IdPath { id: consent }, Guard::once(once));
            show(session, &session.change::<ConsentRevoke>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<ConsentList, _>(&Nothing {}, limit, |n, page_token| PageQuery {
        limit: Some(n),
        page_token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("ON"), left("LEVEL"), left("UNTIL"), left("REVOKED")];
        let mut table = Table::new(&[&columns[..], &[right("USED")]].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.scope.to_string(),
                word(&one.level),
                time(one.until),
                or_dash(one.revoked_at.map(time)),
                one.n_used.to_string(),
            ]);
        }
        table
    })
}

fn show(session: &Session, one: &Consent) -> Result<(), Failure> {
    session.output.show(one, || {
        let users: Vec<String> = one.users.iter().map(ToString::to_string).collect();
        Table::fields()
            .field("id", one.id)
            .field("on", &one.scope)
            .field("users", users.join(" "))
            .field("level", word(&one.level))
            .field("until", time(one.until))
            .field("granted by", &one.granted_by)
            .field_if("revoked", one.revoked_at.map(time))
            .field("used", one.n_used)
    })
}
