//! Validates price commands.

use super::{Command, Event};
use crate::{Ctx, Reject, State, limits};

/// The highest price of one unit, so that no product with a quantity overflows: 1 million euro.
const AMOUNT_MICROEURO_MAX: i64 = 1_000_000_000_000;

pub(crate) fn decide(
    _state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let Command::Set { lines } = command;
    Reject::limit("price lines", lines.len(), limits::PRICE_LINES_MAX)?;
    for (position, line) in lines.iter().enumerate() {
        if !(0..=AMOUNT_MICROEURO_MAX).contains(&line.amount.0) {
            let message = format!("`{}` is out of range: 0 to 1000000 EUR", line.amount);
            return Err(Reject::invalid("lines.amount", message));
        }
        if lines.iter().take(position).any(|other| other.per == line.per) {
            let message = format!("`{}` is priced twice: give each unit once", line.per);
            return Err(Reject::invalid("lines.per", message));
        }
    }
    Ok(vec![crate::Event::Price(Event::Set { id: ctx.id(0), lines: lines.clone() })])
}
