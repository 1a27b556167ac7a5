//! The countries of the key by which work is asked for: they become the work's own, so every decision
//! about it sees them, at each placement and each route, also long after the key is gone.
//!
//! Only ever tightens: what stays is allowed by the key and by whoever wrote the job.

use std::borrow::Cow;

use units::Country;

use super::Spec;
use crate::{Actor, Ctx, Reject, State};

/// The work as it is asked for with this key.
///
/// # Errors
/// If key and job have no country in common.
pub(crate) fn tightened<'a>(
    state: &State,
    ctx: &Ctx,
    spec: &'a Spec,
) -> Result<Cow<'a, Spec>, Reject> {
    let Actor::Key(id) = ctx.actor else { return Ok(Cow::Borrowed(spec)) };
    let key = state.keys.get(&id);
    let Some(allowed) = key.and_then(|key| key.limits.countries.as_ref()) else {
        return Ok(Cow::Borrowed(spec));
    };
    let both: Vec<Country> = match &spec.residency_countries {
        None => allowed.clone(),
        Some(asked) => asked.iter().copied().filter(|one| allowed.contains(one)).collect(),
    };
    if both.is_empty() {
        let names = allowed.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!(
            "none of them is allowed by the key, which is for {names}: name one of those, or use another key"
        );
        return Err(Reject::invalid("residency.countries", crate::limits::cut(&message)));
    }
    Ok(Cow::Owned(Spec { residency_countries: Some(both), ..spec.clone() }))
}
