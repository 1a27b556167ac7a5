//! From the words of a line to a kernel command about quotas and reservations.

use kernel::{
    Command, State,
    quota::{self, Class, Milli, Owner},
    reservation::{self, Block, Holder, Window},
};
use units::{DurationMicros, Name};

use super::{args::Args, names};

/// The command of a line whose verb is one of these.
pub(super) fn command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    match verb {
        "quota" => set(state, args),
        "quota-delete" => {
            let owner = owner(state, &args.word::<String>("an owner")?)?;
            let class: Class = args.word("a class")?;
            let id = state.quota(owner, &class).map(|quota| quota.id);
            let id = id.ok_or_else(|| format!("no quota of `{class}`"))?;
            Ok(Command::Quota(quota::Command::Delete { id }))
        }
        "reserve" => reserve(state, args),
        _ => {
            let name: String = args.word("a reservation")?;
            let found = state.reservations.values().rfind(|x| x.name.as_str() == name);
            let id = found.map(|x| x.id).ok_or_else(|| format!("no reservation `{name}`"))?;
            Ok(Command::Reservation(reservation::Command::Cancel { id }))
        }
    }
}

/// `organisation` or `organisation/project`.
fn owner(state: &State, text: &str) -> Result<Owner, String> {
    if text.contains('/') {
        names::project(state, text).map(Owner::Project)
    } else {
        names::organisation(state, text).map(Owner::Organisation)
    }
}

fn set(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let owner = owner(state, &args.word::<String>("an owner")?)?;
    let class: Class = args.word("a class")?;
    let milli = |amount: u64| Milli(amount.saturating_mul(1_000));
    let terms = quota::Terms {
        nominal: milli(args.word("a number of GPUs")?),
        borrowing: args.maybe("borrowing")?.map(milli),
        lending: args.maybe("lending")?.map(milli),
        weight: args.option("weight", 1)?,
    };
    Ok(Command::Quota(quota::Command::Set { owner, class, terms }))
}

/// `reserve NAME SITE for=PROJECT nodes=n1,n2 | count=3 rack=… one-rack=true class=… in=1h long=2h`.
fn reserve(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let name: Name = args.word("a name")?;
    let site = names::site(state, &args.word::<String>("a site")?)?;
    let holder = match args.maybe::<String>("for")? {
        Some(project) => Holder::Project(names::project(state, &project)?),
        None => Holder::Maintenance,
    };
    let block = match args.list::<String>("nodes")? {
        Some(nodes) => {
            let ids = nodes.iter().map(|name| names::node(state, name));
            Block::Nodes(ids.collect::<Result<_, _>>()?)
        }
        None => Block::Count {
            site,
            count: args.option("count", 1)?,
            rack: args.maybe("rack")?,
            one_rack: args.option("one-rack", false)?,
            class: args.maybe("class")?,
        },
    };
    // Hours from the last entry: a scenario has no calendar.
    let from = state.last_at.plus(args.duration("in")?);
    let long: DurationMicros = args.option("long", DurationMicros::from_secs(3_600))?;
    let window = Window { from, until: from.plus(long) };
    Ok(Command::Reservation(reservation::Command::Create { name, holder, block, window }))
}
