//! Power budgets and figures: the operator's, to see and to set.

use api::{
    nouns::{
        common::Page,
        power::{
            PowerBudget, PowerBudgetDelete, PowerBudgetList, PowerBudgetSet, PowerFigures,
            PowerFiguresDelete, PowerFiguresList, PowerFiguresSet,
        },
    },
    text::Timestamp,
};
use kernel::{
    Command, DomainDraw, Planner, State,
    power::{self, Domain, Figures, FiguresSet, figures_of},
    quota::Class,
};
use units::{Id, UnixMicros, kinds};

use super::{
    fail::Fail,
    gone,
    mount::{Call, as_of},
    page, quotas, require_operator, resolve,
};

/// `POST /api/v1/power-budgets`
pub(crate) async fn set(call: Call<PowerBudgetSet>) -> Result<PowerBudget, Fail> {
    require_operator(&call)?;
    let new = &call.body;
    let site = call.read(|state| resolve::site(state, &new.site))?;
    let domain = match (&new.group, &new.rack) {
        (None, None) => Domain::Site(site),
        (Some(group), None) => Domain::Group(site, group.clone()),
        (None, Some(rack)) => Domain::Rack(site, rack.clone()),
        (Some(_), Some(_)) => {
            let message = "a rack stands in one group: give either `group` or `rack`";
            return Err(Fail::field("/group", message));
        }
    };
    let allowed_w = new.allowed_w;
    let command = power::Command::SetBudget { domain: domain.clone(), allowed_w };
    let accepted = call.submit(Command::Power(command)).await?;
    let now = call.platform().now();
    let found = call.read(|state| {
        let all = budgets(state, now, accepted.seq).into_iter();
        all.map(|(_, budget)| budget).find(|budget| budget.domain == domain_text(state, &domain))
    });
    found.ok_or_else(gone)
}

/// `GET /api/v1/power-budgets`
pub(crate) async fn list(call: Call<PowerBudgetList>) -> Result<Page<PowerBudget>, Fail> {
    require_operator(&call)?;
    let query = &call.query;
    let wanted = page::Wanted::<u32>::of(query.limit, query.page_token.as_deref())?;
    let now = call.platform().now();
    call.read(|state| {
        let all = budgets(state, now, as_of(state)).into_iter();
        let after = page::after(&wanted);
        let items = all.filter(|(at, _)| std::ops::RangeBounds::contains(&after, at));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `DELETE /api/v1/power-budgets/{id}`
pub(crate) async fn delete(call: Call<PowerBudgetDelete>) -> Result<PowerBudget, Fail> {
    require_operator(&call)?;
    let id = call.path.id;
    let now = call.platform().now();
    let mut was = call.read(|state| {
        let all = budgets(state, now, as_of(state)).into_iter().map(|(_, budget)| budget);
        let found = all.into_iter().find(|budget| budget.id == Some(id));
        found.ok_or_else(|| Fail::not_found("power budget", id))
    })?;
    let accepted = call.submit(Command::Power(power::Command::Remove { id })).await?;
    was.seq = accepted.seq;
    Ok(was)
}

/// Every budget with its position in the list.
fn budgets(state: &State, now: UnixMicros, seq: u64) -> Vec<(u32, PowerBudget)> {
    let draws = Planner::of(state, now).draws();
    (0_u32..).zip(draws.iter().map(|draw| budget(state, draw, seq))).collect()
}

fn budget(state: &State, draw: &DomainDraw, seq: u64) -> PowerBudget {
    let found = state.power_budget(&draw.domain);
    let (group, rack) = match &draw.domain {
        Domain::Site(_) => (None, None),
        Domain::Group(_, group) => (Some(group.clone()), None),
        Domain::Rack(_, rack) => (None, Some(rack.clone())),
    };
    PowerBudget {
        id: found.map(|budget| budget.id),
        domain: domain_text(state, &draw.domain),
        site: draw.domain.site(),
        group,
        rack,
        allowed_w: draw.allowed.0 / 1_000,
        drawn_w: draw.drawn.0.div_ceil(1_000),
        owed_w: draw.owed.0.div_ceil(1_000),
        version: found.map_or(0, |budget| budget.meta.version),
        seq,
    }
}

/// `paris`, `paris/group/row-1`, `paris/rack/r1`.
pub(crate) fn domain_text(state: &State, domain: &Domain) -> String {
    let id = domain.site();
    let site = state.sites.get(&id).map_or_else(|| id.to_string(), |site| site.name.to_string());
    match domain {
        Domain::Site(_) => site,
        Domain::Group(_, group) => format!("{site}/group/{group}"),
        Domain::Rack(_, rack) => format!("{site}/rack/{rack}"),
    }
}

/// `POST /api/v1/power-figures`
pub(crate) async fn set_figures(call: Call<PowerFiguresSet>) -> Result<PowerFigures, Fail> {
    require_operator(&call)?;
    let new = call.body.clone();
    let class = quotas::class_of("/class", &new.class)?;
    let figures = Figures {
        host_idle_w: new.host_idle_w,
        host_busy_w: new.host_busy_w,
        gpu_idle_w: new.gpu_idle_w,
        gpu_peak_w: new.gpu_peak_w,
        gpu_limits_w: new.gpu_limits_w,
    };
    let command = power::Command::SetFigures { class: class.clone(), figures };
    let accepted = call.submit(Command::Power(command)).await?;
    let found = call.read(|state| {
        let found = state.power.figures.values().find(|set| set.class == class);
        found.map(|set| figures_dto(&class, &set.figures, Some(set), accepted.seq))
    });
    found.ok_or_else(gone)
}

/// `GET /api/v1/power-figures`
pub(crate) async fn list_figures(call: Call<PowerFiguresList>) -> Result<Page<PowerFigures>, Fail> {
    require_operator(&call)?;
    let query = &call.query;
    let wanted = page::Wanted::<u32>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let seq = as_of(state);
        let set = state.power.figures.values();
        let set = set.map(|set| figures_dto(&set.class, &set.figures, Some(set), seq));
        let all = (0_u32..).zip(set.chain(defaults(state, seq)));
        let after = page::after(&wanted);
        let items = all.filter(|(at, _)| std::ops::RangeBounds::contains(&after, at));
        Ok(page::cut(items, wanted.limit, seq))
    })
}

/// `DELETE /api/v1/power-figures/{id}`
pub(crate) async fn delete_figures(call: Call<PowerFiguresDelete>) -> Result<PowerFigures, Fail> {
    require_operator(&call)?;
    let id: Id<kinds::Power> = call.path.id;
    let mut was = call.read(|state| {
        let found = state.power.figures.get(&id);
        let dto = |set: &FiguresSet| figures_dto(&set.class, &set.figures, Some(set), 0);
        found.map(dto).ok_or_else(|| Fail::not_found("power figures", id))
    })?;
    let accepted = call.submit(Command::Power(power::Command::Remove { id })).await?;
    was.seq = accepted.seq;
    Ok(was)
}

/// The defaults of the models that machines have and nobody set figures for.
fn defaults(state: &State, seq: u64) -> Vec<PowerFigures> {
    let models = state.nodes.values().map(|n| n.facts.gpus.first().map(|gpu| gpu.model.as_str()));
    let models: std::collections::BTreeSet<Option<&str>> = models.collect();
    let is_set = |model: &Option<&str>| {
        state.power.figures.values().any(|set| match (&set.class, model) {
            (Class::Cpu, None) => true,
            (Class::Gpu(text), Some(model)) => model.contains(text.as_str()),
            (Class::Cpu, Some(_)) | (Class::Gpu(_), None) => false,
        })
    };
    let unset = models.into_iter().filter(|model| !is_set(model));
    let dto = |model: Option<&str>| {
        let class = model.map_or(Class::Cpu, |model| Class::Gpu(model.to_owned()));
        figures_dto(&class, &figures_of(state, model), None, seq)
    };
    unset.map(dto).collect()
}

fn figures_dto(
    class: &Class,
    figures: &Figures,
    set: Option<&FiguresSet>,
    seq: u64,
) -> PowerFigures {
    let assumed = "default: data sheet of the model, or an assumption where there is none";
    PowerFigures {
        id: set.map(|set| set.id),
        class: class.to_string(),
        host_idle_w: figures.host_idle_w,
        host_busy_w: figures.host_busy_w,
        gpu_idle_w: figures.gpu_idle_w,
        gpu_peak_w: figures.gpu_peak_w,
        gpu_limits_w: figures.gpu_limits_w.clone(),
        source: if set.is_some() { "set by the operator" } else { assumed }.to_owned(),
        version: set.map_or(0, |set| set.meta.version),
        seq,
        created_at: set.map(|set| Timestamp(set.meta.created_at)),
    }
}
