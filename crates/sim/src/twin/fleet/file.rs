//! What stands in a fleet file, before its parts are joined and checked against each other.
//!
//! Decimals such as `pue = 1.2` become thousandths by their text, never by float arithmetic.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use units::{Country, DurationMicros};

use super::sections::{Section, split};
use crate::twin::{error::InputError, number};

/// A decimal in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Milli(pub(super) u64);

/// A duration as text, such as `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) DurationMicros);

/// A country as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct In(pub(super) Country);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Top {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GpuTable {
    pub(super) name: String,
    pub(super) memory_gib: Milli,
    pub(super) idle_watts: Milli,
    pub(super) tdp_watts: Milli,
    /// Where between idle and the limit a GPU at work is.
    #[serde(default = "hundred")]
    pub(super) busy_percent: u32,
    /// Power limits that one can be given, from high to low.
    #[serde(default)]
    pub(super) limit_watts: Vec<Milli>,
    /// How much less work is done under each.
    #[serde(default)]
    pub(super) limit_slowdown_percent: Vec<Milli>,
    #[serde(default)]
    pub(super) eur_per_hour: Milli,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SiteTable {
    pub(super) name: String,
    pub(super) country: In,
    pub(super) pue: Milli,
    pub(super) eur_per_mwh: Option<Milli>,
    pub(super) eur_per_mwh_file: Option<String>,
    pub(super) g_per_kwh: Option<Milli>,
    pub(super) g_per_kwh_file: Option<String>,
    /// Length of one line of the files.
    pub(super) file_step: Option<Span>,
    pub(super) contracted_kw: Option<Milli>,
    pub(super) allowed_kw: Option<Milli>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HallTable {
    pub(super) site: String,
    pub(super) name: String,
    /// With it there are so many halls alike, named `name-1`, `name-2` and so on.
    pub(super) count: Option<u32>,
    pub(super) contracted_kw: Option<Milli>,
    pub(super) allowed_kw: Option<Milli>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RacksTable {
    pub(super) site: String,
    /// A hall; with `*` at its end every hall whose name begins so.
    pub(super) hall: Option<String>,
    /// Racks, in each hall.
    pub(super) count: u32,
    /// Racks of one row; all in one row without it.
    pub(super) racks_per_row: Option<u32>,
    pub(super) nodes_per_rack: u32,
    /// Nodes of one NVLink domain; 1 is a domain that ends at the node.
    #[serde(default = "one")]
    pub(super) nvlink_nodes: u32,
    pub(super) gpu: Option<String>,
    #[serde(default)]
    pub(super) gpus_per_node: u32,
    #[serde(default)]
    pub(super) superchips_per_node: u32,
    pub(super) cpu_cores: u64,
    pub(super) memory_gib: u64,
    #[serde(default)]
    pub(super) node_idle_watts: Milli,
    #[serde(default)]
    pub(super) node_busy_watts: Milli,
    #[serde(default)]
    pub(super) rack_base_watts: Milli,
    pub(super) rack_contracted_kw: Option<Milli>,
    pub(super) rack_allowed_kw: Option<Milli>,
    pub(super) row_contracted_kw: Option<Milli>,
    pub(super) row_allowed_kw: Option<Milli>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailuresTable {
    pub(super) node_mtbf: Option<Span>,
    pub(super) node_mttr: Option<Span>,
    pub(super) rack_mtbf: Option<Span>,
    pub(super) rack_mttr: Option<Span>,
    pub(super) nvlink_mtbf: Option<Span>,
    pub(super) nvlink_mttr: Option<Span>,
    #[serde(default)]
    pub(super) bad_tray_percent: Milli,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaTable {
    pub(super) tenant: String,
    pub(super) gpus: u64,
    pub(super) gpu: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PowerEventTable {
    pub(super) at: Span,
    pub(super) feeder: String,
    pub(super) allowed_kw: Option<Milli>,
    /// Instead: so much of what is contracted.
    pub(super) allowed_percent: Option<u32>,
    /// For how long; until the next event without it.
    pub(super) lasts: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaintenanceTable {
    pub(super) feeder: String,
    pub(super) from: Span,
    pub(super) until: Span,
    /// How long before it is known.
    pub(super) notice: Option<Span>,
}

/// A table with the section it was read from.
pub(super) type Placed<'a, T> = (Section<'a>, T);

/// The whole file.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) top: Top,
    pub(super) gpus: Vec<Placed<'a, GpuTable>>,
    pub(super) sites: Vec<Placed<'a, SiteTable>>,
    pub(super) halls: Vec<Placed<'a, HallTable>>,
    pub(super) racks: Vec<Placed<'a, RacksTable>>,
    pub(super) failures: Option<Placed<'a, FailuresTable>>,
    pub(super) quotas: Vec<Placed<'a, QuotaTable>>,
    pub(super) power_events: Vec<Placed<'a, PowerEventTable>>,
    pub(super) maintenance: Vec<Placed<'a, MaintenanceTable>>,
}

/// Tables that a file may have.
const TABLES: &str = "gpu, site, hall, racks, failures, quota, power_event, maintenance";

/// Reads a file table by table.
pub(super) fn read<'a>(file: &str, text: &'a str) -> Result<File<'a>, InputError> {
    let mut sections = split(text).into_iter();
    let top = sections.next().map_or_else(
        || Err(InputError::file(file, "is empty")),
        |section| section.read::<Top>(file),
    )?;
    let mut all = File {
        top,
        gpus: Vec::new(),
        sites: Vec::new(),
        halls: Vec::new(),
        racks: Vec::new(),
        failures: None,
        quotas: Vec::new(),
        power_events: Vec::new(),
        maintenance: Vec::new(),
    };
    for section in sections {
        let wants_array = section.name != "failures";
        match section.name {
            "gpu" => all.gpus.push((section, section.read(file)?)),
            "site" => all.sites.push((section, section.read(file)?)),
            "hall" => all.halls.push((section, section.read(file)?)),
            "racks" => all.racks.push((section, section.read(file)?)),
            "quota" => all.quotas.push((section, section.read(file)?)),
            "power_event" => all.power_events.push((section, section.read(file)?)),
            "maintenance" => all.maintenance.push((section, section.read(file)?)),
            "failures" if all.failures.is_some() => {
                let message = "stands twice: keep one `[failures]`";
                return Err(InputError::file(file, message).at(section.line).field("failures"));
            }
            "failures" => all.failures = Some((section, section.read(file)?)),
            other => {
                let message = format!("is not a table of a fleet file: use one of {TABLES}");
                return Err(InputError::file(file, message).at(section.line).field(other));
            }
        }
        if section.is_array != wants_array {
            let right = if wants_array { "[[…]]" } else { "[…]" };
            let message = format!("write its header as `{right}`");
            return Err(InputError::file(file, message).at(section.line).field(section.name));
        }
    }
    Ok(all)
}

const fn hundred() -> u32 {
    100
}

const fn one() -> u32 {
    1
}

impl<'de> Deserialize<'de> for Milli {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Milli;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of zero or more with at most three decimals")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Milli, E> {
                thousandths(&value.to_string())
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Milli, E> {
                // The shortest text that reads back as the same float is what was written.
                thousandths(&value.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn thousandths<E: de::Error>(text: &str) -> Result<Milli, E> {
    let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    if decimals > 3 {
        return Err(E::custom(format!("`{text}` has more than three decimals")));
    }
    number::fixed(text, 3)
        .map(Milli)
        .map_err(|why| E::custom(format!("`{text}` {}", why.message())))
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Span).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for In {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(In).map_err(de::Error::custom)
    }
}
