//! Folds price events.

use super::{Book, Event};
use crate::{Meta, Stamp, State, limits};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Set { id, lines } => {
            let number = state.prices.last().map_or(0, |book| book.meta.version).saturating_add(1);
            let mut meta = Meta::new(stamp);
            meta.version = number;
            state.prices.push(Book { id: *id, lines: lines.clone(), meta });
            if state.prices.len() > limits::PRICE_BOOKS_KEPT {
                state.prices.remove(0);
            }
        }
    }
}
