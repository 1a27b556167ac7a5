//! Names for ids, both ways: what a scenario calls a thing, and how a transcript shows it.

use kernel::State;
use units::{Id, Name, kinds};

/// The project of `organisation/project`.
pub(super) fn project(state: &State, path: &str) -> Result<Id<kinds::Project>, String> {
    let (organisation, project) =
        path.split_once('/').ok_or_else(|| format!("`{path}` is not organisation/project"))?;
    let parse = |text: &str| text.parse::<Name>().map_err(|error| error.to_string());
    state
        .project_by_path(&parse(organisation)?, &parse(project)?)
        .ok_or_else(|| format!("project `{path}` does not exist"))
}

/// The last workload of a name; `name[3]` is a task of it.
pub(super) fn workload(state: &State, name: &str) -> Result<Id<kinds::Workload>, String> {
    if let Some((array, index)) = name.strip_suffix(']').and_then(|text| text.split_once('[')) {
        let id = workload(state, array)?;
        let range = state.workloads.get(&id).and_then(|w| w.spec.terms.array);
        let task = range.zip(index.parse().ok()).and_then(|(range, index)| range.task(id, index));
        return task.ok_or_else(|| format!("task `{name}` does not exist"));
    }
    let own = state.workloads.values().filter(|w| w.task.is_none());
    let own = own.filter(|w| w.spec.name.as_str() == name);
    let last = own.max_by_key(|w| (w.submitted_seq, w.id)).map(|w| w.id);
    last.ok_or_else(|| format!("workload `{name}` does not exist"))
}

/// A node by its name, which a scenario uses once.
pub(super) fn node(state: &State, name: &str) -> Result<Id<kinds::Node>, String> {
    let found = state.nodes.values().find(|node| node.name.as_str() == name);
    found.map(|node| node.id).ok_or_else(|| format!("node `{name}` does not exist"))
}

/// A site by its name.
pub(super) fn site(state: &State, name: &str) -> Result<Id<kinds::Site>, String> {
    let found = state.sites.values().find(|site| site.name.as_str() == name);
    found.map(|site| site.id).ok_or_else(|| format!("site `{name}` does not exist"))
}

/// An organisation by its name.
pub(super) fn organisation(state: &State, name: &str) -> Result<Id<kinds::Organisation>, String> {
    let parsed: Name = name.parse().map_err(|error: units::ParseNameError| error.to_string())?;
    let found = state.organisation_by_name(&parsed);
    found.ok_or_else(|| format!("organisation `{name}` does not exist"))
}

/// A budget of an owner by its name.
pub(super) fn budget(
    state: &State,
    owner: kernel::budget::Owner,
    name: &str,
) -> Result<Id<kinds::Budget>, String> {
    let found = state.budgets_of(owner).find(|budget| budget.name.as_str() == name);
    found.map(|budget| budget.id).ok_or_else(|| format!("budget `{name}` does not exist"))
}

/// An endpoint by its name, deleted ones included.
pub(super) fn endpoint(state: &State, name: &str) -> Result<Id<kinds::Endpoint>, String> {
    let found = state.endpoints.values().rfind(|endpoint| endpoint.name.as_str() == name);
    found.map(|endpoint| endpoint.id).ok_or_else(|| format!("endpoint `{name}` does not exist"))
}

/// A text with every known id replaced by its name.
pub(super) fn readable(state: &State, text: &str) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut add = |id: String, name: &Name| pairs.push((id, name.to_string()));
    state.organisations.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.projects.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.keys.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.upstreams.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.groups.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.service_accounts.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.roles.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.policy_sets.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.entities.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.storages.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.sites.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.nodes.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.reservations.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.budgets.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.datasets.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.models.values().for_each(|x| add(x.id.to_string(), &x.name));
    state.endpoints.values().for_each(|x| add(x.id.to_string(), &x.name));
    let of_class = |x: &kernel::quota::Quota| (x.id.to_string(), format!("quota of {}", x.class));
    pairs.extend(state.quotas.values().map(of_class));
    pairs.extend(
        state
            .rate_limits
            .values()
            .map(|x| (x.id.to_string(), format!("limit of {}", x.owner.describe(state)))),
    );
    pairs.extend(state.power.budgets.values().map(|x| {
        let site = state.sites.get(&x.domain.site()).map(|site| site.name.to_string());
        let name = match &x.domain {
            kernel::power::Domain::Site(_) => site.unwrap_or_default(),
            kernel::power::Domain::Group(_, name) | kernel::power::Domain::Rack(_, name) => {
                name.to_string()
            }
        };
        (x.id.to_string(), format!("budget of {name}"))
    }));
    let of_class =
        |x: &kernel::power::FiguresSet| (x.id.to_string(), format!("figures of {}", x.class));
    pairs.extend(state.power.figures.values().map(of_class));
    pairs.extend(state.workloads.values().map(|w| {
        let index = w.task.map_or_else(String::new, |task| format!("[{}]", task.index));
        (w.id.to_string(), format!("{}{index}", w.spec.name))
    }));
    pairs.extend(state.courses.values().map(|x| (x.id.to_string(), format!("course {}", x.name))));
    pairs.extend(state.erasures.values().map(|x| (x.id.to_string(), "erasure".to_owned())));
    pairs.extend(state.prices.iter().map(|x| (x.id.to_string(), "prices".to_owned())));
    pairs
        .into_iter()
        .filter(|(id, _)| text.contains(id.as_str()))
        .fold(text.to_owned(), |text, (id, name)| text.replace(&id, &name))
}
