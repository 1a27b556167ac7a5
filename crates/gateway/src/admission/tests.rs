//! Checks of limits, budgets and the line, with time handed in; HTTP is in `tests/it`.

mod budgets;
mod door;
mod fairness;
mod limits;
mod line;
