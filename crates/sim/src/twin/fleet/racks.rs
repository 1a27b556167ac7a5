//! Lays out the racks of one `[[racks]]`: rows under a hall or site, racks in rows, nodes in racks.

use units::{Bytes, MilliCpu, MilliWatt};

use super::{
    Feeder, FeederIdx, Kind, KindIdx, Level, Node, NodeIdx, Rack, RackIdx, SiteIdx,
    build::{Builder, Limits},
    file::{Placed, RacksTable},
};
use crate::twin::{error::InputError, number};

/// Most nodes of a fleet.
const NODES_MAX: u64 = 1_000_000;
/// Most GPUs of a node.
const NODE_GPUS_MAX: u32 = 64;
/// Most nodes of a rack.
const RACK_NODES_MAX: u32 = 1_024;

/// Adds the racks of a table.
pub(super) fn add(
    builder: &mut Builder<'_>,
    placed: &Placed<'_, RacksTable>,
) -> Result<(), InputError> {
    check(builder, placed)?;
    let (section, table) = placed;
    let site = builder.site_of(section, &table.site)?;
    let kind = kind(builder, placed)?;
    let per_row = table.racks_per_row.unwrap_or(table.count);
    for above in above(builder, placed, site)? {
        let mut row = above;
        for position in 0..table.count {
            if position.is_multiple_of(per_row) {
                row = add_row(builder, placed, site, above)?;
            }
            add_rack(builder, placed, site, (row, kind))?;
        }
        // A pattern multiplies the racks, so the limit is looked at again after each hall.
        if number::count(builder.fleet.nodes.len()) > NODES_MAX {
            let count = table.count.to_string();
            return Err(builder.wrong(section, "count", &count, "makes more than 1,000,000 nodes"));
        }
    }
    Ok(())
}

fn check(
    builder: &Builder<'_>,
    (section, table): &Placed<'_, RacksTable>,
) -> Result<(), InputError> {
    let wrong = |key: &str, value: u64, message: &str| {
        Err(builder.wrong(section, key, &value.to_string(), message))
    };
    let nodes = u64::from(table.count).saturating_mul(u64::from(table.nodes_per_rack));
    let all = number::count(builder.fleet.nodes.len()).saturating_add(nodes);
    match table {
        t if t.count == 0 => wrong("count", 0, "must be 1 or more"),
        t if t.nodes_per_rack == 0 || t.nodes_per_rack > RACK_NODES_MAX => {
            wrong("nodes_per_rack", u64::from(t.nodes_per_rack), "must be between 1 and 1,024")
        }
        t if all > NODES_MAX => {
            wrong("count", u64::from(t.count), "makes more than 1,000,000 nodes")
        }
        t if t.gpus_per_node > NODE_GPUS_MAX => {
            wrong("gpus_per_node", u64::from(t.gpus_per_node), "must be at most 64")
        }
        t if (t.gpus_per_node > 0) != t.gpu.is_some() => {
            let message = "`gpus_per_node` above zero and `gpu` go together";
            wrong("gpus_per_node", u64::from(t.gpus_per_node), message)
        }
        t if t.nvlink_nodes == 0 || !t.nodes_per_rack.is_multiple_of(t.nvlink_nodes) => {
            wrong("nvlink_nodes", u64::from(t.nvlink_nodes), "must divide `nodes_per_rack`")
        }
        t if t.racks_per_row == Some(0) => wrong("racks_per_row", 0, "must be 1 or more"),
        t if t.cpu_cores == 0 => wrong("cpu_cores", 0, "must be 1 or more"),
        t if t.memory_gib == 0 => wrong("memory_gib", 0, "must be 1 or more"),
        t if t.node_busy_watts.0 < t.node_idle_watts.0 => {
            let watts = t.node_busy_watts.0 / 1_000;
            wrong("node_busy_watts", watts, "is below `node_idle_watts`")
        }
        _ => Ok(()),
    }
}

/// The feeders of the halls that are meant, or of the site.
fn above(
    builder: &Builder<'_>,
    (section, table): &Placed<'_, RacksTable>,
    site: SiteIdx,
) -> Result<Vec<FeederIdx>, InputError> {
    let Some(hall) = &table.hall else {
        let site = builder.fleet.sites.get(number::index(site.0));
        return Ok(site.map(|site| site.feeder).into_iter().collect());
    };
    let wanted = format!("{}/{hall}", table.site);
    let matches = |name: &str| match wanted.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == wanted,
    };
    let feeders = (0..).map(FeederIdx).zip(&builder.fleet.feeders);
    let halls = feeders.filter(|(_, one)| one.level == Level::Hall && matches(&one.name));
    let halls: Vec<FeederIdx> = halls.map(|(index, _)| index).collect();
    if halls.is_empty() {
        return Err(builder.wrong(section, "hall", hall, "is no `[[hall]]` of this site"));
    }
    Ok(halls)
}

fn kind(
    builder: &mut Builder<'_>,
    (section, table): &Placed<'_, RacksTable>,
) -> Result<KindIdx, InputError> {
    let class = table.gpu.as_deref().map(|name| builder.class_of(section, name)).transpose()?;
    let index = KindIdx(number::small(number::count(builder.fleet.kinds.len())));
    builder.fleet.kinds.push(Kind {
        class,
        gpus: table.gpus_per_node,
        superchips: table.superchips_per_node,
        cpu: MilliCpu(table.cpu_cores.saturating_mul(1_000)),
        memory: Bytes(table.memory_gib.saturating_mul(1 << 30)),
        idle: MilliWatt(table.node_idle_watts.0),
        busy: MilliWatt(table.node_busy_watts.0),
    });
    Ok(index)
}

fn add_row(
    builder: &mut Builder<'_>,
    (section, table): &Placed<'_, RacksTable>,
    site: SiteIdx,
    parent: FeederIdx,
) -> Result<FeederIdx, InputError> {
    let row = builder.rows.entry(parent).or_default();
    *row = row.saturating_add(1);
    let above = builder.fleet.feeder(parent).map_or("", |feeder| feeder.name.as_str());
    let feeder = Feeder {
        name: format!("{above}/row-{row}"),
        level: Level::Row,
        site,
        parent: Some(parent),
        contracted: None,
        allowed: None,
    };
    let (contracted, allowed) = (table.row_contracted_kw, table.row_allowed_kw);
    builder.feeder(section, feeder, &Limits { prefix: "row_", contracted, allowed })
}

fn add_rack(
    builder: &mut Builder<'_>,
    (section, table): &Placed<'_, RacksTable>,
    site: SiteIdx,
    (row, kind): (FeederIdx, KindIdx),
) -> Result<(), InputError> {
    let number = number::count(builder.fleet.racks.len()).saturating_add(1);
    let above = builder.fleet.feeder(row).map_or("", |feeder| feeder.name.as_str());
    let feeder = Feeder {
        name: format!("{above}/rack-{number}"),
        level: Level::Rack,
        site,
        parent: Some(row),
        contracted: None,
        allowed: None,
    };
    let (contracted, allowed) = (table.rack_contracted_kw, table.rack_allowed_kw);
    let feeder =
        builder.feeder(section, feeder, &Limits { prefix: "rack_", contracted, allowed })?;
    let fleet = &mut builder.fleet;
    let rack = RackIdx(number::small(number::count(fleet.racks.len())));
    let first_node = NodeIdx(number::small(number::count(fleet.nodes.len())));
    let base = MilliWatt(table.rack_base_watts.0);
    fleet.racks.push(Rack { site, kind, first_node, nodes: table.nodes_per_rack, feeder, base });
    for position in 0..table.nodes_per_rack {
        let domain = builder.domains.saturating_add(position / table.nvlink_nodes.max(1));
        fleet.nodes.push(Node { kind, rack, domain });
    }
    let domains = table.nodes_per_rack / table.nvlink_nodes.max(1);
    builder.domains = builder.domains.saturating_add(domains);
    Ok(())
}
