//! `endpoint scale`, `update`, `promote`, `rollback`: how many services there are, and of which version.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        endpoint_scaling::{
            EndpointPromote, EndpointReplica, EndpointRollBack, EndpointRollout,
            EndpointRolloutStage, EndpointScale, EndpointScaling, EndpointUpdate,
            EndpointUpdateNew,
        },
    },
    reference::{ArtefactRef, Ref},
};
use units::{DurationMicros, kinds};

use super::{find, show};
use crate::{
    cli::{
        failure::Failure,
        session::{Guard, Once, Session},
    },
    output::human::word,
};

/// Agree how many services an endpoint may have, and what decides between the bounds
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde endpoint scale numbers --replicas 1..8 --target-tokens 4000
  cocarde endpoint scale numbers --replicas 0..2 --target-tokens 4000 --idle-after 15m
  cocarde endpoint scale numbers --replicas 3

New services are work like any other: quota, budget, policy and power apply to them, and one that waits says
why in `cocarde endpoint show` and `cocarde explain`.")]
pub(crate) struct ScaleArgs {
    /// Its name or id
    endpoint: Ref<kinds::Endpoint>,
    /// Fewest and most services, such as `1..8`, or one number; from 0, it sleeps while nobody asks
    #[arg(long, value_name = "MIN..MAX", value_parser = range)]
    replicas: (u32, u32),
    /// Tokens in flight that each service is to have
    #[arg(long, value_name = "TOKENS")]
    target_tokens: Option<u64>,
    /// How long a request may wait for a service, such as `200ms`
    #[arg(long, value_name = "TIME")]
    target_wait: Option<DurationMicros>,
    /// Over how long load is averaged before services are added
    #[arg(long, value_name = "TIME", default_value = "10s")]
    up_after: DurationMicros,
    /// For how long fewer must have been enough before some go
    #[arg(long, value_name = "TIME", default_value = "2m")]
    down_after: DurationMicros,
    /// After how long without a request the last one goes, if the fewest is 0
    #[arg(long, value_name = "TIME", default_value = "10m")]
    idle_after: DurationMicros,
    /// How long a service that goes may take to end what it has begun
    #[arg(long, value_name = "TIME", default_value = "2m")]
    drain: DurationMicros,
    #[command(flatten)]
    once: Once,
}

/// Introduce another version of the model beside the one in force, without a failed request
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde endpoint update numbers --model nlp/numbers@v2
  cocarde endpoint update numbers --model nlp/numbers@v2 --canary 10% --promote-after 30m

With a canary, the new version keeps its share until `cocarde endpoint promote` or `cocarde endpoint rollback`.")]
pub(crate) struct UpdateArgs {
    /// Its name or id
    endpoint: Ref<kinds::Endpoint>,
    /// The model version to introduce
    #[arg(long, value_name = "PROJECT/NAME@vN")]
    model: ArtefactRef,
    /// The share of the requests that it gets first, such as `10%` [default: it takes all, one by one]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    canary: Option<u32>,
    /// Promote it by itself after so long without an error
    #[arg(long, value_name = "TIME", requires = "canary")]
    promote_after: Option<DurationMicros>,
    #[command(flatten)]
    once: Once,
}

/// Let the version that is tried out take the other's place
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde endpoint promote numbers
  cocarde endpoint promote numbers -o json")]
pub(crate) struct PromoteArgs {
    /// Its name or id
    endpoint: Ref<kinds::Endpoint>,
    #[command(flatten)]
    once: Once,
}

/// Give up the version that is being introduced
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde endpoint rollback numbers
  cocarde endpoint rollback numbers -o json

Its services get no more requests as soon as one of the version in force answers.")]
pub(crate) struct RollBackArgs {
    /// Its name or id
    endpoint: Ref<kinds::Endpoint>,
    #[command(flatten)]
    once: Once,
}

/// `1..8`, or `3` for both.
fn range(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("`{text}` is no range: write for example `1..8` or `3`");
    let number = |part: &str| part.trim().parse::<u32>().map_err(|_| wrong());
    match text.split_once("..") {
        Some((min, max)) => Ok((number(min)?, number(max.trim_start_matches('='))?)),
        None => number(text).map(|both| (both, both)),
    }
}

/// `10%` or `10`.
fn percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let share = number.parse().ok().filter(|share| (1..=99).contains(share));
    share.ok_or_else(|| format!("`{text}` is no share: write for example `10%`, from 1 to 99"))
}

/// Seconds, rounded up: a time that was asked for is not shorter than that.
const fn secs(time: DurationMicros) -> u64 {
    time.0.div_ceil(1_000_000)
}

pub(super) fn scale(session: &Session, args: ScaleArgs) -> Result<(), Failure> {
    let path = IdPath { id: find(session, &args.endpoint)? };
    let body = EndpointScaling {
        replicas_min: args.replicas.0,
        replicas_max: args.replicas.1,
        target_tokens: args.target_tokens,
        target_wait_ms: args.target_wait.map(|wait| wait.0.div_ceil(1_000)),
        up_after_s: secs(args.up_after),
        down_after_s: secs(args.down_after),
        idle_after_s: secs(args.idle_after),
        drain_s: secs(args.drain),
    };
    let guard = Guard::once(args.once);
    show(session, &session.change::<EndpointScale>(&path, &body, &guard)?)
}

pub(super) fn update(session: &Session, args: UpdateArgs) -> Result<(), Failure> {
    let path = IdPath { id: find(session, &args.endpoint)? };
    let body = EndpointUpdateNew {
        model: args.model,
        canary_percent: args.canary,
        promote_after_s: args.promote_after.map(secs),
    };
    let guard = Guard::once(args.once);
    show(session, &session.change::<EndpointUpdate>(&path, &body, &guard)?)
}

pub(super) fn promote(session: &Session, args: PromoteArgs) -> Result<(), Failure> {
    let path = IdPath { id: find(session, &args.endpoint)? };
    let guard = Guard::once(args.once);
    show(session, &session.change::<EndpointPromote>(&path, &Nothing {}, &guard)?)
}

pub(super) fn roll_back(session: &Session, args: RollBackArgs) -> Result<(), Failure> {
    let path = IdPath { id: find(session, &args.endpoint)? };
    let guard = Guard::once(args.once);
    show(session, &session.change::<EndpointRollBack>(&path, &Nothing {}, &guard)?)
}

/// The bounds in one line.
pub(super) fn bounds(agreed: &EndpointScaling) -> String {
    let mut text = format!("{} to {}", agreed.replicas_min, agreed.replicas_max);
    if let Some(tokens) = agreed.target_tokens {
        text.push_str(&format!(", {tokens} tokens in flight for each"));
    }
    if let Some(wait) = agreed.target_wait_ms {
        text.push_str(&format!(", no wait above {wait} ms"));
    }
    text
}

/// The version that is being introduced, in one line.
pub(super) fn rollout(one: &EndpointRollout) -> String {
    let stage = match (one.stage, one.canary_percent) {
        (EndpointRolloutStage::Canary, Some(percent)) => format!("canary with {percent} %"),
        (stage, _) => word(&stage),
    };
    let by_itself =
        one.promote_after_s.map(|secs| format!(", promoted after {secs} s without an error"));
    format!("to {}: {stage} since {}{}", one.model, one.since, by_itself.unwrap_or_default())
}

/// A service in one line.
pub(super) fn service(one: &EndpointReplica) -> String {
    let state = if one.ready { "ready" } else { one.state.as_str() };
    let share = format!("{}.{} %", one.share_milli / 10, one.share_milli % 10);
    let model = one.model.as_ref().map_or_else(String::new, |model| format!(" {model}"));
    let mut text = format!("{}{model} {state}, {share} of the requests", one.workload);
    if let Some(at) = &one.stops_at {
        text.push_str(&format!(", ends what it has begun until {at}"));
    } else if let Some(why) = &one.state_reason {
        text.push_str(&format!(" ({why})"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{percent, range};

    #[test]
    fn ranges_and_shares_are_read_and_mistakes_are_named() {
        assert_eq!(
            (range("1..8"), range("0..=2"), range("3")),
            (Ok((1, 8)), Ok((0, 2)), Ok((3, 3)))
        );
        assert!(range("1-8").unwrap_err().contains("`1-8` is no range"));
        assert_eq!((percent("10%"), percent("7")), (Ok(10), Ok(7)));
        for wrong in ["0%", "100%", "ten", "-1"] {
            assert!(percent(wrong).unwrap_err().contains("no share"), "{wrong}");
        }
    }
}
