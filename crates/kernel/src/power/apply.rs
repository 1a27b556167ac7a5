//! Folds power events.

use super::{Budget, Event, FiguresSet, Measure, SiteSeries};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    let power = &mut state.power;
    match event {
        Event::BudgetSet { id, domain, allowed_w } => {
            if let Some(budget) = power.budgets.get_mut(id) {
                budget.allowed_w = *allowed_w;
                budget.meta.touch(stamp);
                return;
            }
            let (domain, allowed_w) = (domain.clone(), *allowed_w);
            let budget = Budget { id: *id, domain, allowed_w, meta: Meta::new(stamp) };
            power.budgets.insert(*id, budget);
        }
        Event::FiguresSet { id, class, figures } => {
            if let Some(set) = power.figures.get_mut(id) {
                set.figures = figures.clone();
                set.meta.touch(stamp);
                return;
            }
            let (class, figures) = (class.clone(), figures.clone());
            let set = FiguresSet { id: *id, class, figures, meta: Meta::new(stamp) };
            power.figures.insert(*id, set);
        }
        Event::Removed { id } => {
            power.budgets.remove(id);
            power.figures.remove(id);
        }
        Event::SeriesSet { site, measure, series } => {
            let kept = match measure {
                Measure::Carbon => &mut power.carbon,
                Measure::Price => &mut power.price,
            };
            let found = kept.entry(*site).or_insert_with(|| {
                // `touch` below makes it the first version.
                let meta = Meta { version: 0, ..Meta::new(stamp) };
                SiteSeries { series: series.clone(), meta }
            });
            found.series = series.clone();
            found.meta.touch(stamp);
        }
        Event::SeriesRemoved { site, measure } => {
            match measure {
                Measure::Carbon => power.carbon.remove(site),
                Measure::Price => power.price.remove(site),
            };
        }
    }
}
