//! One bar for each policy, for sums such as energy and cost.

use super::{
    chart::{figure, frame},
    html::{colour, shortened, tenths},
};

const WIDTH: i64 = 3_600;
const ROW: i64 = 420;
const BAR: i64 = 130;

/// Bars with their texts.
#[derive(Debug)]
pub(super) struct Bars<'a> {
    pub(super) title: &'a str,
    pub(super) about: &'a str,
    /// Policy, value, and the value as people read it.
    pub(super) rows: Vec<(&'a str, u64, String)>,
}

impl Bars<'_> {
    /// The figure; bars start at zero.
    pub(super) fn figure(&self) -> String {
        let count = i64::try_from(self.rows.len()).unwrap_or(0);
        let mut svg = frame(self.title, WIDTH, count * ROW + 20);
        let largest = self.rows.iter().map(|(_, value, _)| *value).max().unwrap_or(0).max(1);
        for (row, (name, value, text)) in (0_i64..).zip(&self.rows) {
            let top = row * ROW;
            let policy = usize::try_from(row).unwrap_or(0);
            let length =
                u128::from(*value) * u128::from(WIDTH.unsigned_abs()) / u128::from(largest);
            let length = i64::try_from(length).unwrap_or(0);
            svg.push_str(&format!(
                "<text class=\"ink\" x=\"0\" y=\"{text_y}\">{}</text><text class=\"ink\" x=\"{}\" y=\"{text_y}\" text-anchor=\"end\">{text}</text><path class=\"fill {}\" d=\"M0 {}h{}v{}h-{}z\"/>",
                shortened(name, 28),
                tenths(WIDTH),
                colour(policy),
                tenths(top + 190),
                tenths(length),
                tenths(BAR),
                tenths(length),
                text_y = tenths(top + 140),
            ));
        }
        svg.push_str("</svg>");
        figure(self.title, self.about, &svg, "")
    }
}
