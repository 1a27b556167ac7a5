//! One self-contained page that compares policies: styles and drawings inside, no script, nothing to be
//! fetched. Same outcomes, same bytes.

mod axis;
mod bars;
mod chart;
mod curves;
mod dots;
mod heatmap;
mod html;
mod page;
mod style;
mod tables;

pub use page::page;
pub use tables::{carbon, duration, energy, euro, percent, ratio_ppm};
