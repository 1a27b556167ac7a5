//! The lists of the artifact: nodes and pods.
//!
//! Must refuse what contradicts itself (a share of several GPUs, a model that no node has) instead
//! of guessing. Columns that the experiment does not use are not read.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use sched::frag::{Class, GPUS_MAX, Gpus, Mix, Model, Models, Need, NodeSpec, WHOLE_MILLI};

use super::Error;
use super::table::{Record, Table};

/// The nodes, in the order of their names.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// What each node has.
    pub nodes: Vec<NodeSpec>,
    /// Names of the GPU models; a model's number is its position.
    pub models: Vec<String>,
}

impl Cluster {
    /// GPU milli of all nodes.
    #[must_use]
    pub fn capacity_milli(&self) -> i64 {
        self.nodes.iter().map(|node| i64::from(node.gpus) * i64::from(WHOLE_MILLI)).sum()
    }

    /// The numbers of some models, joined by `|`; `None` if one is unknown. No name is any model.
    fn models_of(&self, names: &str) -> Option<Models> {
        let mut models = Models::NONE;
        for name in names.split('|').filter(|name| !name.is_empty()) {
            let at = self.models.iter().position(|known| known == name)?;
            models = models.with(Model(u8::try_from(at).ok()?));
        }
        Some(if models == Models::NONE { Models::ANY } else { models })
    }
}

/// One pod: what it asks, and the models as they were written, by which the artifact tells classes
/// apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// What it asks.
    pub need: Need,
    /// Names joined by `|`, empty for any.
    pub models: String,
}

/// The pods of a list, in the order of their names.
#[derive(Debug, Clone)]
pub struct PodList {
    /// The middle of the file name, such as `default` or `gpuspec20`.
    pub name: String,
    /// The pods.
    pub pods: Vec<Pod>,
}

impl PodList {
    /// What a scheduler may know of the list: its classes by how often they occur. Typical are
    /// those first ones that reach 95 % of the pods; ties and what makes a class are the
    /// artifact's.
    #[must_use]
    pub fn mix(&self) -> Mix {
        let mut counts: BTreeMap<(u32, u16, usize, &str), (Need, u32)> = BTreeMap::new();
        for pod in &self.pods {
            let gpus = pod.need.gpus;
            let key = (pod.need.cpu_milli, gpus.milli_each(), gpus.count(), pod.models.as_str());
            counts.entry(key).or_insert((Need { memory_mib: 0, ..pod.need }, 0)).1 += 1;
        }
        let mut classes: Vec<_> = counts.into_iter().collect();
        classes.sort_by_key(|(key, (_, count))| (Reverse(*count), Reverse(*key)));
        let mut reached = 0;
        let total = self.pods.len() * 95;
        let typical = classes.iter().take_while(|(_, (_, count))| {
            let more = reached * 100 < total;
            reached += usize::try_from(*count).unwrap_or(0);
            more
        });
        let typical = typical.count();
        let class = |(_, (need, count)): &(_, (Need, u32))| Class { need: *need, count: *count };
        Mix::new(classes.iter().map(class).collect(), typical)
    }
}

/// Reads the nodes (`sn, cpu_milli, memory_mib, gpu, model`).
///
/// # Errors
/// [`Error`] if the file is not there or a line is not a node.
pub fn read_nodes(path: &Path) -> Result<Cluster, Error> {
    let table = Table::open(path)?;
    let mut models: Vec<String> = Vec::new();
    let mut nodes: Vec<(&str, NodeSpec)> = Vec::new();
    for record in table.records() {
        let name = record.text("model")?;
        let at = models.iter().position(|known| known == name).unwrap_or_else(|| {
            models.push(name.to_owned());
            models.len() - 1
        });
        let model = u8::try_from(at).ok().filter(|at| *at < 64);
        let model = model.ok_or_else(|| record.bad("model", name, "is the 65th: at most 64"))?;
        let gpus: u8 = record.number("gpu")?;
        if usize::from(gpus) > GPUS_MAX {
            return Err(record.bad("gpu", &gpus.to_string(), "must be at most 16"));
        }
        let node = NodeSpec {
            cpu_milli: record.number("cpu_milli")?,
            memory_mib: record.number("memory_mib")?,
            gpus,
            model: Model(model),
        };
        nodes.push((record.text("sn")?, node));
    }
    nodes.sort_by_key(|(name, _)| *name);
    Ok(Cluster { nodes: nodes.into_iter().map(|(_, node)| node).collect(), models })
}

/// Reads the pods (`name, cpu_milli, memory_mib, num_gpu, gpu_milli` and, if there, `gpu_spec`).
///
/// # Errors
/// [`Error`] if the file is not there or a line is not a pod for this cluster.
pub fn read_pods(path: &Path, name: &str, cluster: &Cluster) -> Result<PodList, Error> {
    let table = Table::open(path)?;
    let mut pods: Vec<(&str, Pod)> = Vec::new();
    for record in table.records() {
        let spec = record.optional("gpu_spec")?;
        let models = cluster
            .models_of(spec)
            .ok_or_else(|| record.bad("gpu_spec", spec, "names a model that no node has"))?;
        let need = Need {
            cpu_milli: record.number("cpu_milli")?,
            memory_mib: record.number("memory_mib")?,
            gpus: gpus(record)?,
            models,
        };
        pods.push((record.text("name")?, Pod { need, models: spec.to_owned() }));
    }
    pods.sort_by_key(|(name, _)| *name);
    Ok(PodList { name: name.to_owned(), pods: pods.into_iter().map(|(_, pod)| pod).collect() })
}

fn gpus(record: Record<'_>) -> Result<Gpus, Error> {
    let count: u8 = record.number("num_gpu")?;
    let milli: u16 = record.number("gpu_milli")?;
    let bad = |why| Err(record.bad("gpu_milli", &milli.to_string(), why));
    match (count, milli) {
        (0, _) => Ok(Gpus::None),
        (1, 1..WHOLE_MILLI) => Ok(Gpus::Share { milli }),
        (_, WHOLE_MILLI) if usize::from(count) <= GPUS_MAX => Ok(Gpus::Whole { count }),
        (_, WHOLE_MILLI) => Err(record.bad("num_gpu", &count.to_string(), "must be at most 16")),
        (1, _) => bad("must be from 1 to 1000"),
        (_, _) => bad("must be 1000 where several GPUs are asked"),
    }
}
