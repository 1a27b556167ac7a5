//! What machines are made of, and by vendors controlled from where.
//!
//! Virtual nodes count like others, under the model that they show: their figures say themselves what
//! they are, and a plan should show what the real rack would do.

use std::collections::BTreeMap;

use policy::score::{Component, Finding, Vendors};
use units::Name;

use super::checks::done;
use crate::{State, node::Node};

/// Names of nodes that one line gives.
const NAMES_MAX: usize = 4;

/// Models of foreign vendors, with the nodes that have them.
pub(super) fn finding(state: &State, component: Component, vendors: &Vendors) -> Finding {
    let mut seen: BTreeMap<(String, &Name), Vec<(&Node, usize)>> = BTreeMap::new();
    for node in state.nodes.values() {
        let Some(site) = state.sites.get(&node.site) else { continue };
        let mut models: BTreeMap<&str, usize> = BTreeMap::new();
        match component {
            Component::Accelerator => {
                for gpu in &node.facts.gpus {
                    let count = models.entry(gpu.model.as_str()).or_default();
                    *count = count.saturating_add(1);
                }
            }
            Component::Processor => {
                models.insert(node.facts.cpu_model.as_str(), 1);
            }
        }
        for (model, count) in models {
            seen.entry((model.to_owned(), &site.name)).or_default().push((node, count));
        }
    }
    let what = match component {
        Component::Accelerator => "accelerator",
        Component::Processor => "processor",
    };
    let because = if seen.is_empty() {
        format!("no machine has an {what}")
    } else {
        format!("every {what} is of a vendor controlled from the Union")
    };
    let mut finding = Finding { met: true, because, things: Vec::new(), subjects: Vec::new() };
    for ((model, site), nodes) in &seen {
        let Some(vendor) = vendors.foreign(component, model) else { continue };
        let count = nodes.iter().fold(0_usize, |sum, (_, count)| sum.saturating_add(*count));
        let pieces = match component {
            Component::Accelerator => format!("{count} × "),
            Component::Processor => String::new(),
        };
        let model = if model.is_empty() { "unnamed model" } else { model };
        finding
            .things
            .push(format!("{pieces}{model} in site `{site}` on {}: {vendor}", named(nodes)));
        let first = nodes.iter().take(NAMES_MAX).map(|(node, _)| node.id.to_string());
        finding.subjects.extend(first);
    }
    done(finding, &format!("there are {what}s of vendors that are not controlled from the Union"))
}

/// A few nodes by name, and how many there are.
fn named(nodes: &[(&Node, usize)]) -> String {
    let names: Vec<String> =
        nodes.iter().take(NAMES_MAX).map(|(node, _)| format!("`{}`", node.name)).collect();
    let more = nodes.len().saturating_sub(names.len());
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more nodes") }
}
