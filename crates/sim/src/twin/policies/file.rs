//! A policy in a file of its own: the platform's scheduler with other settings.
//!
//! What the file does not say is as the platform has it. Must refuse what it does not know, with line
//! and field, because a setting that is quietly left out spoils a comparison.

use sched::{Reclaim, Settings};
use serde::{Deserialize, Deserializer, de};
use units::DurationMicros;

use crate::twin::{error::InputError, fleet::sections, scheduled::Scheduled};

/// Longest file.
const BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    #[serde(default)]
    interval: Option<Span>,
    #[serde(default)]
    promises: Option<Promises>,
    #[serde(default)]
    promise_ends_max: Option<u32>,
    #[serde(default)]
    preemptors_max: Option<u32>,
    #[serde(default)]
    patience: Option<Span>,
    #[serde(default)]
    reclaim: Option<Whose>,
    #[serde(default)]
    ageing: Option<Ageing>,
    #[serde(default)]
    past_use_percent: Option<u32>,
    #[serde(default)]
    past_use_half_life: Option<Span>,
    #[serde(default)]
    topology: Option<bool>,
}

/// A duration as text, such as `30s`.
#[derive(Debug, Clone, Copy)]
struct Span(DurationMicros);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Span).map_err(de::Error::custom)
    }
}

/// Blocked jobs that are promised nodes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "a number of jobs, or \"all\"")]
enum Promises {
    Some(u32),
    All(All),
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum All {
    #[serde(rename = "all")]
    All,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Whose {
    Off,
    Deserved,
    Shares,
}

/// Waiting time that is worth a point of priority.
#[derive(Debug, Clone, Copy)]
struct Ageing(Option<u64>);

impl<'de> Deserialize<'de> for Ageing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "never" {
            return Ok(Self(None));
        }
        match text.parse::<DurationMicros>() {
            Ok(span) if span.0 > 0 => Ok(Self(Some(span.0))),
            _ => Err(de::Error::custom(format!(
                "`{text}` is no waiting time for a point of priority: write one such as \"15m\", or \
                 \"never\""
            ))),
        }
    }
}

/// Reads a policy file. `file` is what errors call it.
///
/// # Errors
/// [`InputError`] with line and field for anything that is not a policy.
pub fn parse(file: &str, text: &str) -> Result<Scheduled, InputError> {
    if text.len() > BYTES_MAX {
        return Err(InputError::file(file, format!("is longer than {BYTES_MAX} bytes")));
    }
    let sections = sections::split(text);
    let (Some(top), None) = (sections.first(), sections.get(1)) else {
        let line = sections.get(1).map_or(1, |section| section.line);
        let message = "a policy has no tables: write its settings as `key = value` at the top";
        return Err(InputError::file(file, message).at(line));
    };
    let table: Table = top.read(file)?;
    if table.name.is_empty() || !table.name.chars().all(|c| c.is_ascii_graphic()) {
        let message = "write a name of letters, digits and dashes, as results are to call it";
        return Err(InputError::file(file, message).field("name").value(&table.name));
    }
    Ok(policy(&table))
}

fn policy(table: &Table) -> Scheduled {
    let usual = Settings::default();
    let settings = Settings {
        backfill_depth_max: match table.promises {
            None => usual.backfill_depth_max,
            Some(Promises::Some(number)) => number,
            Some(Promises::All(All::All)) => u32::MAX,
        },
        ends_looked_at_max: table.promise_ends_max.unwrap_or(usual.ends_looked_at_max),
        preemptors_max: table.preemptors_max.unwrap_or(usual.preemptors_max),
        patience_us: table.patience.map_or(usual.patience_us, |span| span.0.0),
        reclaim: match table.reclaim {
            None => usual.reclaim,
            Some(Whose::Off) => Reclaim::Off,
            Some(Whose::Deserved) => Reclaim::Deserved,
            Some(Whose::Shares) => Reclaim::Shares,
        },
        ageing_us: table.ageing.map_or(usual.ageing_us, |ageing| ageing.0),
        past_use_milli: table
            .past_use_percent
            .map_or(usual.past_use_milli, |percent| percent.saturating_mul(10)),
    };
    let mut policy = Scheduled::new(&table.name, settings);
    if let Some(Span(interval)) = table.interval {
        policy = policy.every(interval);
    }
    if let Some(Span(half_life)) = table.past_use_half_life {
        policy = policy.forgetting_in(half_life);
    }
    if table.topology == Some(false) {
        policy = policy.blind();
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::backend::Backend;

    #[test]
    fn what_a_file_says_is_set_and_the_rest_is_as_the_platform_has_it() {
        let text = "# ours\nname = \"patient\"\npromises = \"all\"\npatience = \"10m\"\n\
                    reclaim = \"shares\"\nageing = \"never\"\npast_use_percent = 50\n";
        let policy = parse("p.toml", text).unwrap();
        assert_eq!(policy.name(), "patient");
        let expected = Settings {
            backfill_depth_max: u32::MAX,
            patience_us: 600_000_000,
            reclaim: Reclaim::Shares,
            ageing_us: None,
            past_use_milli: 500,
            ..Settings::default()
        };
        assert_eq!(policy.settings(), expected);
        let plain = parse("p.toml", "name = \"plain\"\n").unwrap();
        assert_eq!(plain.settings(), Settings::default());
    }

    #[test]
    fn the_example_says_every_setting() {
        let text = include_str!("../../../../../examples/policies/conservative.toml");
        let policy = parse("conservative.toml", text).unwrap();
        let settings = policy.settings();
        assert_eq!((settings.backfill_depth_max, settings.preemptors_max), (u32::MAX, 0));
        assert_eq!((settings.ageing_us, settings.past_use_milli), (None, 0));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, expected) in [
            ("name = \"x\"\npromise = 3\n", "p.toml, line 2"),
            ("name = \"x\"\n\npatience = \"soon\"\n", "soon"),
            ("name = \"x\"\nageing = \"0s\"\n", "\"never\""),
            ("name = \"x\"\n[nodes]\n", "p.toml, line 2: a policy has no tables"),
            ("name = \"\"\n", "field `name`"),
            ("promises = 3\n", "name"),
        ] {
            let error = parse("p.toml", text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
