//! `erase`: personal data, a dataset's content, or an organisation at the end of its contract.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, PageQuery},
        dataset::DatasetList,
        erasure::{
            Erasure, ErasureCancel, ErasureCreate, ErasureGet, ErasureList, ErasureNew,
            ErasureTarget, SwitchDays,
        },
    },
    reference::Ref,
};
use units::{Id, kinds};

use super::{
    failure::Failure,
    organisation,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{size, word},
    table::{Table, left, state},
};

/// Erase personal data, a dataset, or an organisation at the end of its contract
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde erase dataset letters --project bank/risk
  cocarde erase organisation bank                      # after 21 whole days
  cocarde erase status

What has begun cannot be taken back. The log keeps that it was done, and still verifies.")]
pub(crate) enum Verb {
    /// Erase a user's personal data
    #[command(after_help = "Examples:
  cocarde erase user usr_01k9z0000000000000000000000
  cocarde erase user usr_01k9z0000000000000000000000 -o json")]
    User {
        /// The user's id
        user: Id<kinds::User>,
        #[command(flatten)]
        once: Once,
    },
    /// Erase a dataset's content, in all versions
    #[command(after_help = "Examples:
  cocarde erase dataset letters --project bank/risk
  cocarde erase dataset ds_01k9z0000000000000000000000

What reads it is stopped. Versions made from it stay and are listed.")]
    Dataset {
        /// Its name or id
        dataset: Ref<kinds::Dataset>,
        #[command(flatten)]
        once: Once,
    },
    /// Give notice of an organisation's end: everything is erased after 21 whole days
    #[command(after_help = "Examples:
  cocarde erase organisation bank
  cocarde erase organisation bank --switch --notice-days 30 --transition-days 30 --retrieval-days 60

With `--switch` the clocks of a switch to another provider run first: notice, transition, retrieval.")]
    Organisation {
        /// Its name or id
        organisation: Ref<kinds::Organisation>,
        /// It switches to another provider
        #[arg(long)]
        switch: bool,
        /// Days of notice, at most 59
        #[arg(long, value_name = "DAYS", requires = "switch", default_value_t = 59)]
        notice_days: u64,
        /// Days of transition, at most 30
        #[arg(long, value_name = "DAYS", requires = "switch", default_value_t = 30)]
        transition_days: u64,
        /// Days of retrieval, at least 30
        #[arg(long, value_name = "DAYS", requires = "switch", default_value_t = 30)]
        retrieval_days: u64,
        #[command(flatten)]
        once: Once,
    },
    /// Show one erasure, or list all
    #[command(after_help = "Examples:
  cocarde erase status
  cocarde erase status era_01k9z0000000000000000000000 -o json")]
    Status {
        /// Its id; all if absent
        erasure: Option<Id<kinds::Erasure>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Take one back that has not begun
    #[command(after_help = "Examples:
  cocarde erase cancel era_01k9z0000000000000000000000
  cocarde erase cancel era_01k9z0000000000000000000000 -o json")]
    Cancel {
        /// Its id
        erasure: Id<kinds::Erasure>,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let (target, switch, once) = match verb {
        Verb::Status { erasure: Some(id), .. } => {
            return show(session, &session.read::<ErasureGet>(&IdPath { id })?);
        }
        Verb::Status { erasure: None, limit } => return list(session, limit),
        Verb::Cancel { erasure: id, once } => {
            let guard = Guard::once(once);
            let path = IdPath { id };
            return show(session, &session.change::<ErasureCancel>(&path, &Nothing {}, &guard)?);
        }
        Verb::User { user, once } => {
            (ErasureTarget { user: Some(user), ..ErasureTarget::default() }, None, once)
        }
        Verb::Dataset { dataset, once } => {
            let id = session.find::<DatasetList, _, _>(&dataset, "dataset", |one| one.id)?;
            (ErasureTarget { dataset: Some(id), ..ErasureTarget::default() }, None, once)
        }
        Verb::Organisation {
            organisation,
            switch,
            notice_days,
            transition_days,
            retrieval_days,
            once,
        } => {
            let id = organisation::find(session, &organisation)?;
            let days = SwitchDays { notice_days, transition_days, retrieval_days };
            let target = ErasureTarget { organisation: Some(id), ..ErasureTarget::default() };
            (target, switch.then_some(days), once)
        }
    };
    let body = ErasureNew { target, switch };
    show(session, &session.change::<ErasureCreate>(&Nothing {}, &body, &Guard::once(once))?)
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<ErasureList, _>(&Nothing {}, limit, |n, token| PageQuery {
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("WHAT"), state("STATE"), left("DUE")];
        let mut table = Table::new(&columns);
        for one in &page.items {
            let due = one.due_at.to_string();
            table.row([one.id.to_string(), what(&one.target), word(&one.state), due]);
        }
        table
    })
}

fn what(target: &ErasureTarget) -> String {
    let ids = [
        target.user.map(|id| id.to_string()),
        target.dataset.map(|id| id.to_string()),
        target.organisation.map(|id| id.to_string()),
    ];
    let id = ids.into_iter().flatten().next().unwrap_or_default();
    target.versions_through.map_or(id.clone(), |last| format!("{id} up to v{last}"))
}

fn show(session: &Session, one: &Erasure) -> Result<(), Failure> {
    session.output.show(one, || {
        let mut table = Table::fields()
            .field("id", one.id)
            .field("what", what(&one.target))
            .field("state", word(&one.state));
        for (name, at) in [
            ("transition from", one.transition_starts_at),
            ("transition until", one.transition_ends_at),
            ("retrievable until", one.retrieval_ends_at),
            ("due", Some(one.due_at)),
            ("done", one.done_at),
        ] {
            if let Some(at) = at {
                table = table.field(name, at);
            }
        }
        if let Some(gone) = &one.destroyed {
            let text = format!(
                "{} records, {} keys, {} contents of {}, {} folders",
                gone.n_records,
                gone.n_keys,
                gone.n_blobs,
                size(gone.size_bytes),
                gone.n_folders
            );
            table = table.field("destroyed", text).field("list", gone.list);
        }
        for derived in &one.derived {
            table = table.field("made from it, and kept", derived);
        }
        table
    })
}
