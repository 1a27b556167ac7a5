//! One row for each thing, one dot for each policy: how things are treated, side by side.

use super::{
    axis::Axis,
    chart::{below, figure, frame},
    html::{colour, escaped, shortened, tenths},
};

const WIDTH: i64 = 5_600;
const LEFT: i64 = 1_240;
const RIGHT: i64 = 160;
const TOP: i64 = 60;
const BOTTOM: i64 = 240;
const ROW: i64 = 190;
/// Half of a dot's height.
const RADIUS: i64 = 45;

/// A drawing of dots.
#[derive(Debug)]
pub(super) struct Dots<'a> {
    pub(super) title: &'a str,
    pub(super) about: &'a str,
    pub(super) across: Axis,
    /// Names, with a value for each policy that has one.
    pub(super) rows: Vec<(&'a str, Vec<Option<u64>>)>,
    pub(super) policies: Vec<&'a str>,
}

impl Dots<'_> {
    /// The figure; nothing without rows.
    pub(super) fn figure(&self) -> String {
        let Ok(count) = i64::try_from(self.rows.len()) else { return String::new() };
        if count == 0 {
            return String::new();
        }
        let (width, height) = (WIDTH - LEFT - RIGHT, count * ROW);
        let mut svg = frame(self.title, WIDTH, TOP + height + BOTTOM);
        let marks = self.across.marks(width);
        for mark in &marks {
            let x = tenths(LEFT + mark.place);
            let (from, to) = (tenths(TOP), tenths(TOP + height));
            svg.push_str(&format!("<path class=\"gridline\" d=\"M{x} {from}V{to}\"/>"));
        }
        svg.push_str(&below(&marks, LEFT, width, TOP + height + 160));
        for (row, (name, values)) in (0_i64..).zip(&self.rows) {
            let middle = TOP + row * ROW + ROW / 2;
            svg.push_str(&format!(
                "<text class=\"ink\" x=\"{}\" y=\"{}\" dy=\"3.5\" text-anchor=\"end\">{}</text>",
                tenths(LEFT - 90),
                tenths(middle),
                shortened(name, 22)
            ));
            svg.push_str(&self.row(values, middle, width));
        }
        svg.push_str("</svg>");
        figure(self.title, self.about, &svg, "")
    }

    fn row(&self, values: &[Option<u64>], middle: i64, width: i64) -> String {
        let known = || values.iter().flatten().copied();
        let place = |value: u64| LEFT + self.across.place(value, width);
        let mut svg = String::new();
        if let (Some(low), Some(high)) = (known().min(), known().max()) {
            let (from, to) = (tenths(place(low)), tenths(place(high)));
            svg.push_str(&format!("<path class=\"axis\" d=\"M{from} {}H{to}\"/>", tenths(middle)));
        }
        for (policy, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            svg.push_str(&format!(
                "<circle class=\"fill {}\" cx=\"{}\" cy=\"{}\" r=\"{}\"><title>{}</title></circle>",
                colour(policy),
                tenths(place(*value)),
                tenths(middle),
                tenths(RADIUS),
                escaped(self.policies.get(policy).copied().unwrap_or_default())
            ));
        }
        svg
    }
}
