//! Joins the tables of a fleet file: every name resolved, every count within its limit, racks and
//! nodes laid out in the order of the file.

use std::collections::BTreeMap;

use units::{Bytes, DurationMicros, MicroEuro, MilliWatt};

use super::{
    ClassIdx, Failures, Feeder, FeederIdx, Fleet, GpuClass, Level, MeanTimes, Quota, Series, Site,
    SiteIdx,
    file::{FailuresTable, File, GpuTable, HallTable, Milli, Placed, SiteTable, Span},
    power, racks,
    sections::Section,
    upkeep,
};
use crate::twin::{error::InputError, fleet::Load, number};

/// Most classes of GPU, so that a set of them is one word.
const CLASSES_MAX: usize = 64;
/// Most halls of one `[[hall]]`.
const HALLS_MAX: u32 = 1_000;
/// All of something, in percent.
const PERCENT_MAX: u32 = 100;

/// A fleet that grows, with the name of the file for errors.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) file: &'a str,
    pub(super) fleet: Fleet,
    /// Rows so far by the feeder above them.
    pub(super) rows: BTreeMap<FeederIdx, u32>,
    /// NVLink domains so far.
    pub(super) domains: u32,
}

/// Joins the tables of a file.
pub(super) fn build(file: &str, parsed: &File<'_>, load: &Load<'_>) -> Result<Fleet, InputError> {
    let fleet = Fleet {
        name: parsed.top.name.clone(),
        classes: Vec::new(),
        sites: Vec::new(),
        kinds: Vec::new(),
        racks: Vec::new(),
        nodes: Vec::new(),
        feeders: Vec::new(),
        failures: Failures::default(),
        quotas: Vec::new(),
        power_events: Vec::new(),
        maintenance: Vec::new(),
    };
    let mut builder = Builder { file, fleet, rows: BTreeMap::new(), domains: 0 };
    for table in &parsed.gpus {
        builder.class(table)?;
    }
    for table in &parsed.sites {
        builder.site(table, load)?;
    }
    for table in &parsed.halls {
        builder.hall(table)?;
    }
    for table in &parsed.racks {
        racks::add(&mut builder, table)?;
    }
    builder.limits(parsed)?;
    if builder.fleet.nodes.is_empty() {
        return Err(InputError::file(file, "has no node: add `[[site]]` and `[[racks]]`"));
    }
    Ok(builder.fleet)
}

impl Builder<'_> {
    /// An error about a key of a table.
    pub(super) fn wrong(
        &self,
        section: &Section<'_>,
        key: &str,
        value: &str,
        message: impl Into<String>,
    ) -> InputError {
        let line = section.line_of(key);
        InputError::file(self.file, message).at(line).field(key).value(value)
    }

    fn class(&mut self, (section, table): &Placed<'_, GpuTable>) -> Result<(), InputError> {
        if self.fleet.class_named(&table.name).is_some() {
            return Err(self.wrong(section, "name", &table.name, "is defined twice"));
        }
        if self.fleet.classes.len() >= CLASSES_MAX {
            let message = format!("a fleet has at most {CLASSES_MAX} classes of GPU");
            return Err(self.wrong(section, "name", &table.name, message));
        }
        if table.idle_watts.0 > table.tdp_watts.0 {
            let idle = number::thousandths(table.idle_watts.0, 3);
            return Err(self.wrong(section, "idle_watts", &idle, "is above `tdp_watts`"));
        }
        if table.busy_percent > PERCENT_MAX {
            let value = table.busy_percent.to_string();
            return Err(self.wrong(section, "busy_percent", &value, "is above 100"));
        }
        let (idle, tdp) = (table.idle_watts.0, table.tdp_watts.0);
        let added = number::scale(tdp.saturating_sub(idle), u64::from(table.busy_percent), 100);
        let price = i64::try_from(table.eur_per_hour.0.saturating_mul(1_000)).unwrap_or(i64::MAX);
        self.fleet.classes.push(GpuClass {
            name: table.name.clone(),
            memory: Bytes(number::scale(table.memory_gib.0, 1 << 30, 1_000)),
            idle: MilliWatt(idle),
            tdp: MilliWatt(tdp),
            busy: MilliWatt(idle.saturating_add(added)),
            limits: power::limits(self, section, table)?,
            price_hour: MicroEuro(price),
        });
        Ok(())
    }

    fn site(&mut self, placed: &Placed<'_, SiteTable>, load: &Load<'_>) -> Result<(), InputError> {
        let (section, table) = placed;
        if self.site_named(&table.name).is_some() {
            return Err(self.wrong(section, "name", &table.name, "is defined twice"));
        }
        let pue_milli = number::small(table.pue.0);
        if !(1_000..=10_000).contains(&pue_milli) {
            let value = number::thousandths(table.pue.0, 3);
            return Err(self.wrong(section, "pue", &value, "is not between 1 and 10"));
        }
        let step = table.file_step;
        let price = Source("eur_per_mwh", table.eur_per_mwh, table.eur_per_mwh_file.as_deref());
        let carbon = Source("g_per_kwh", table.g_per_kwh, table.g_per_kwh_file.as_deref());
        let price = self.series(section, &price, step, load)?;
        let carbon = self.series(section, &carbon, step, load)?;
        let site = SiteIdx(number::small(number::count(self.fleet.sites.len())));
        let feeder = Feeder {
            name: table.name.clone(),
            level: Level::Site,
            site,
            parent: None,
            contracted: None,
            allowed: None,
        };
        let limits =
            Limits { prefix: "", contracted: table.contracted_kw, allowed: table.allowed_kw };
        let feeder = self.feeder(section, feeder, &limits)?;
        let (name, country) = (table.name.clone(), table.country.0);
        self.fleet.sites.push(Site { name, country, pue_milli, price, carbon, feeder });
        Ok(())
    }

    fn hall(&mut self, (section, table): &Placed<'_, HallTable>) -> Result<(), InputError> {
        let site = self.site_of(section, &table.site)?;
        let parent = self.fleet.sites.get(number::index(site.0)).map(|site| site.feeder);
        let names: Vec<String> = match table.count {
            None => vec![format!("{}/{}", table.site, table.name)],
            Some(count @ 1..=HALLS_MAX) => {
                (1..=count).map(|n| format!("{}/{}-{n}", table.site, table.name)).collect()
            }
            Some(count) => {
                let message = format!("must be between 1 and {HALLS_MAX}");
                return Err(self.wrong(section, "count", &count.to_string(), message));
            }
        };
        for name in names {
            if self.fleet.feeder_named(&name).is_some() {
                return Err(self.wrong(section, "name", &table.name, "is defined twice"));
            }
            let (contracted, allowed) = (table.contracted_kw, table.allowed_kw);
            let limits = Limits { prefix: "", contracted, allowed };
            let (contracted, allowed) = (None, None);
            let feeder = Feeder { name, level: Level::Hall, site, parent, contracted, allowed };
            self.feeder(section, feeder, &limits)?;
        }
        Ok(())
    }

    /// Adds a feeder with its limits.
    pub(super) fn feeder(
        &mut self,
        section: &Section<'_>,
        mut feeder: Feeder,
        limits: &Limits,
    ) -> Result<FeederIdx, InputError> {
        // Kilowatts with three decimals are watts.
        let milliwatts = |kw: Milli| MilliWatt(kw.0.saturating_mul(1_000));
        feeder.contracted = limits.contracted.map(milliwatts);
        feeder.allowed = limits.allowed.map(milliwatts).or(feeder.contracted);
        if let (Some(contracted), Some(allowed)) = (limits.contracted, limits.allowed)
            && allowed.0 > contracted.0
        {
            let key = format!("{}allowed_kw", limits.prefix);
            let value = number::thousandths(allowed.0, 3);
            return Err(self.wrong(section, &key, &value, "is above what is contracted"));
        }
        let index = FeederIdx(number::small(number::count(self.fleet.feeders.len())));
        self.fleet.feeders.push(feeder);
        Ok(index)
    }

    /// The site with a name, which `section` refers to.
    pub(super) fn site_of(&self, section: &Section<'_>, name: &str) -> Result<SiteIdx, InputError> {
        self.site_named(name).ok_or_else(|| {
            let known: Vec<&str> = self.fleet.sites.iter().map(|s| s.name.as_str()).collect();
            let message = format!("is no site of this file: it has {}", known.join(", "));
            self.wrong(section, "site", name, message)
        })
    }

    fn site_named(&self, name: &str) -> Option<SiteIdx> {
        let position = self.fleet.sites.iter().position(|site| site.name == name)?;
        u32::try_from(position).ok().map(SiteIdx)
    }

    /// The class with a name, which `section` refers to.
    pub(super) fn class_of(
        &self,
        section: &Section<'_>,
        name: &str,
    ) -> Result<ClassIdx, InputError> {
        self.fleet.class_named(name).ok_or_else(|| {
            let known: Vec<&str> = self.fleet.classes.iter().map(|c| c.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let message = format!("is a GPU class that nobody defines; `[[gpu]]` defines {known}");
            self.wrong(section, "gpu", name, message)
        })
    }

    fn series(
        &self,
        section: &Section<'_>,
        source: &Source<'_>,
        step: Option<Span>,
        load: &Load<'_>,
    ) -> Result<Series, InputError> {
        let Source(key, constant, from) = *source;
        let file_key = format!("{key}_file");
        match (constant, from) {
            (Some(value), None) => Ok(Series::constant(value.0)),
            (Some(_), Some(path)) => {
                let message = format!("stands beside `{key}`: keep one of them");
                Err(self.wrong(section, &file_key, path, message))
            }
            (None, None) => {
                let message = format!("`site` needs it, or `{file_key}`");
                Err(InputError::file(self.file, message).at(section.line).field(key))
            }
            (None, Some(path)) => {
                let step = step.ok_or_else(|| {
                    let message = "a file needs it: the time of one line, such as `30m`";
                    InputError::file(self.file, message).at(section.line).field("file_step")
                })?;
                let text = load(path).map_err(|error| {
                    self.wrong(section, &file_key, path, format!("cannot be read: {error}"))
                })?;
                series_of(path, &text, step.0)
            }
        }
    }

    fn limits(&mut self, parsed: &File<'_>) -> Result<(), InputError> {
        if let Some((section, table)) = &parsed.failures {
            self.fleet.failures = self.failures(section, table)?;
        }
        for (section, table) in &parsed.quotas {
            let class =
                table.gpu.as_deref().map(|name| self.class_of(section, name)).transpose()?;
            let (tenant, gpus) = (table.tenant.clone(), table.gpus);
            self.fleet.quotas.push(Quota { tenant, gpus, class });
        }
        for (section, table) in &parsed.power_events {
            power::event(self, section, table)?;
        }
        self.fleet.power_events.sort_by_key(|event| event.at);
        upkeep::windows(self, &parsed.maintenance)
    }

    pub(super) fn feeder_of(
        &self,
        section: &Section<'_>,
        name: &str,
    ) -> Result<FeederIdx, InputError> {
        self.fleet.feeder_named(name).ok_or_else(|| {
            let message =
                "is no feeder: write for example `site`, `site/hall` or `site/hall/row-1`";
            self.wrong(section, "feeder", name, message)
        })
    }

    fn failures(
        &self,
        section: &Section<'_>,
        table: &FailuresTable,
    ) -> Result<Failures, InputError> {
        let pair = |what: &str, between: Option<Span>, repair: Option<Span>| {
            let key = format!("{what}_mttr");
            match (between, repair) {
                (Some(between), Some(repair)) if between.0.0 > 0 => {
                    Ok(MeanTimes { between: Some(between.0), repair: repair.0 })
                }
                (None, None) => Ok(MeanTimes::default()),
                (Some(_), Some(_)) => {
                    let key = format!("{what}_mtbf");
                    Err(self.wrong(section, &key, "0", "must be above zero"))
                }
                (Some(_), None) | (None, Some(_)) => {
                    let message = format!("`{what}_mtbf` and `{what}_mttr` go together");
                    Err(InputError::file(self.file, message).at(section.line).field(&key))
                }
            }
        };
        if table.bad_tray_percent.0 > 100_000 {
            let value = number::thousandths(table.bad_tray_percent.0, 3);
            return Err(self.wrong(section, "bad_tray_percent", &value, "is above 100"));
        }
        Ok(Failures {
            node: pair("node", table.node_mtbf, table.node_mttr)?,
            rack: pair("rack", table.rack_mtbf, table.rack_mttr)?,
            nvlink: pair("nvlink", table.nvlink_mtbf, table.nvlink_mttr)?,
            // Thousandths of a percent, rounded to thousandths of the whole.
            bad_nodes_milli: number::small(table.bad_tray_percent.0.saturating_add(50) / 100),
        })
    }
}

/// Key, constant and file of a value over time.
struct Source<'a>(&'a str, Option<Milli>, Option<&'a str>);

/// Limits of a feeder, and what their keys begin with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) prefix: &'static str,
    pub(super) contracted: Option<Milli>,
    pub(super) allowed: Option<Milli>,
}

/// One value a line, the last of those between commas; a first line of words is a header.
fn series_of(path: &str, text: &str, step: DurationMicros) -> Result<Series, InputError> {
    let mut values = Vec::new();
    for (line, content) in (1_u64..).zip(text.lines()) {
        let value = content.rsplit(',').next().unwrap_or_default().trim();
        match number::fixed(value, 3) {
            Ok(value) => values.push(value),
            Err(_) if line == 1 || content.trim().is_empty() => {}
            Err(why) => {
                return Err(InputError::file(path, why.message())
                    .at(line)
                    .field("value")
                    .value(value));
            }
        }
        if values.len() > super::series::STEPS_MAX {
            let message = format!("has more than {} values", super::series::STEPS_MAX);
            return Err(InputError::file(path, message).at(line));
        }
    }
    Series::steps(step, &values).ok_or_else(|| {
        InputError::file(path, "has no value, or `file_step` is zero: write one value a line")
    })
}
