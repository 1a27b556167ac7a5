//! Budgets of any owner: `budget-open KIND OWNER NAME limit=500GPUh` and `budget-terms` alike.

use kernel::{
    Command, State,
    budget::{self, ALERTS_DEFAULT, Change, Open, Owner, Period, Terms},
    rate_limit,
};
use units::Name;

use super::{args::Args, identity, names};

/// `budget-open KIND OWNER NAME limit=AMOUNT alerts=50,80 period=month stop=no within=org/project`, and
/// `budget-terms KIND OWNER NAME` with `limit`, `alerts` and `stop`.
pub(super) fn command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let owner = owner(state, args)?;
    let name: Name = args.word("a name")?;
    let (limit, alerts) = (args.maybe("limit")?, args.list::<u8>("alerts")?);
    let hard_stop = args.maybe::<String>("stop")?.map(|text| text != "no");
    if verb == "budget-terms" {
        let id = names::budget(state, owner, name.as_str())?;
        let change = Change { limit, alerts, hard_stop };
        return Ok(Command::Budget(budget::Command::SetTerms { id, change }));
    }
    let within = args.maybe::<String>("within")?;
    let within = within.map(|path| names::project(state, &path)).transpose()?;
    let is_monthly = args.maybe::<String>("period")?.is_some_and(|text| text == "month");
    let period = if is_monthly { Period::Month } else { Period::Total };
    let terms = Terms {
        limit: limit.ok_or("`limit` is missing")?,
        alerts: alerts.unwrap_or_else(|| ALERTS_DEFAULT.to_vec()),
        hard_stop: hard_stop.unwrap_or(true),
    };
    let open = Open { owner, within, name, period, terms };
    Ok(Command::Budget(budget::Command::Open(Box::new(open))))
}

/// `limit KIND OWNER requests=60 tokens=1000 at-once=4 weight=2`, and `limit-delete KIND OWNER`.
pub(super) fn rate_limit(
    state: &State,
    verb: &str,
    args: &mut Args<'_>,
) -> Result<Command, String> {
    let owner = owner(state, args)?;
    if verb == "limit-delete" {
        let id = state.rate_limit_of(owner).map(|limit| limit.id);
        let id = id.ok_or_else(|| format!("no limit of {}", owner.describe(state)))?;
        return Ok(Command::RateLimit(rate_limit::Command::Delete { id }));
    }
    let terms = rate_limit::Terms {
        requests_per_minute: args.maybe("requests")?,
        tokens_per_minute: args.maybe("tokens")?,
        concurrent_max: args.maybe("at-once")?,
        weight: args.maybe("weight")?,
    };
    Ok(Command::RateLimit(rate_limit::Command::Set { owner, terms }))
}

fn owner(state: &State, args: &mut Args<'_>) -> Result<Owner, String> {
    let kind: String = args.word("organisation, project, user, account or key")?;
    Ok(match kind.as_str() {
        "organisation" => {
            Owner::Organisation(names::organisation(state, &args.word::<String>("its name")?)?)
        }
        "project" => Owner::Project(names::project(state, &args.word::<String>("its path")?)?),
        "user" => Owner::User(identity::a_user(args)?),
        "account" => Owner::ServiceAccount(identity::an_account(state, args)?),
        "key" => {
            let name: String = args.word("its name")?;
            let found = state.keys.values().find(|key| key.name.as_str() == name);
            Owner::Key(found.map(|key| key.id).ok_or_else(|| format!("no key `{name}`"))?)
        }
        other => return Err(format!("`{other}` has no budget")),
    })
}
