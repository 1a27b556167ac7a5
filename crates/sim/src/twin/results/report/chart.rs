//! A drawing with two axes and curves on it.

use super::{
    axis::{Axis, Mark},
    html::{colour, escaped, tenths},
};

/// Size of a drawing and its margins, in tenths of a pixel.
const WIDTH: i64 = 5_600;
const HEIGHT: i64 = 2_500;
const LEFT: i64 = 560;
const RIGHT: i64 = 140;
const TOP: i64 = 80;
const BOTTOM: i64 = 260;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// That of a policy, by its position.
    Policy(usize),
    /// What must not be exceeded.
    Limit,
    /// What was there to be used.
    Available,
}

/// A curve of points that stay until the next one, or are joined.
#[derive(Debug, Clone)]
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    pub(super) line: Line,
    pub(super) points: Vec<(u64, u64)>,
}

/// A drawing.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What the axes are, with their units.
    pub(super) about: &'a str,
    pub(super) across: Axis,
    pub(super) up: Axis,
    pub(super) curves: Vec<Curve<'a>>,
}

impl Chart<'_> {
    /// The figure.
    pub(super) fn figure(&self) -> String {
        let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        let mut svg = frame(self.title, WIDTH, HEIGHT);
        for Mark { place, label } in self.up.marks(height) {
            let y = tenths(TOP + height - place);
            let (from, to) = (tenths(LEFT), tenths(WIDTH - RIGHT));
            svg.push_str(&format!(
                "<path class=\"gridline\" d=\"M{from} {y}H{to}\"/><text x=\"{}\" y=\"{y}\" dy=\"3.5\" text-anchor=\"end\">{label}</text>",
                tenths(LEFT - 70)
            ));
        }
        let marks = self.across.marks(width);
        for mark in &marks {
            let x = tenths(LEFT + mark.place);
            let (from, to) = (tenths(TOP + height), tenths(TOP + height + 40));
            svg.push_str(&format!("<path class=\"axis\" d=\"M{x} {from}V{to}\"/>"));
        }
        svg.push_str(&below(&marks, LEFT, width, TOP + height + 170));
        let base = tenths(TOP + height);
        let (from, to) = (tenths(LEFT), tenths(WIDTH - RIGHT));
        svg.push_str(&format!("<path class=\"axis\" d=\"M{from} {base}H{to}\"/>"));
        for curve in &self.curves {
            svg.push_str(&self.path(curve, width, height));
        }
        svg.push_str("</svg>");
        figure(self.title, self.about, &svg, "")
    }

    fn path(&self, curve: &Curve<'_>, width: i64, height: i64) -> String {
        let class = match curve.line {
            Line::Policy(policy) => format!("curve {}", colour(policy)),
            Line::Limit => "limit".to_owned(),
            Line::Available => "up".to_owned(),
        };
        let mut path = String::new();
        let mut last = None;
        for (across, up) in &curve.points {
            let x = LEFT + self.across.place(*across, width);
            let y = TOP + height - self.up.place(*up, height);
            match last {
                None => path.push_str(&format!("M{} {}", tenths(x), tenths(y))),
                Some((old_x, old_y)) if (old_x, old_y) == (x, y) => {}
                Some((_, old_y)) if old_y == y => path.push_str(&format!("H{}", tenths(x))),
                Some((old_x, _)) if old_x == x => path.push_str(&format!("V{}", tenths(y))),
                Some(_) => path.push_str(&format!("L{} {}", tenths(x), tenths(y))),
            }
            last = Some((x, y));
        }
        format!(
            "<path class=\"{class}\" d=\"{path}\"><title>{}</title></path>",
            escaped(curve.name)
        )
    }
}

/// The texts of the marks below an axis. The last one ends where the axis does; one that would run into
/// the next is left out.
pub(super) fn below(marks: &[Mark], left: i64, width: i64, y: i64) -> String {
    let mut texts = Vec::new();
    let mut free_until = i64::MAX;
    for mark in marks.iter().rev() {
        let length = 65 * i64::try_from(mark.label.chars().count()).unwrap_or(0);
        let is_last = mark.place + length / 2 > width + 100;
        let (x, anchor) = if is_last { (width, "end") } else { (mark.place, "middle") };
        let (from, to) = if is_last { (x - length, x) } else { (x - length / 2, x + length / 2) };
        if to + 60 > free_until {
            continue;
        }
        free_until = from;
        let (x, y) = (tenths(left + x), tenths(y));
        let label = &mark.label;
        texts.push(format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{label}</text>"));
    }
    texts.concat()
}

/// The start of a drawing, with its name for those who do not see it.
pub(super) fn frame(title: &str, width: i64, height: i64) -> String {
    format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
        tenths(width),
        tenths(height),
        escaped(title)
    )
}

/// A drawing with what it shows.
pub(super) fn figure(title: &str, about: &str, svg: &str, class: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let (title, about) = (escaped(title), escaped(about));
    format!(
        "<figure{class}><figcaption><h3>{title}</h3><span>{about}</span></figcaption>{svg}</figure>\n"
    )
}

/// Turns points that stay until the next into points that are joined.
pub(super) fn stairs(points: &[(u64, u64)], end: u64) -> Vec<(u64, u64)> {
    let mut joined = Vec::with_capacity(points.len().saturating_mul(2).saturating_add(1));
    let mut last = None;
    for (across, up) in points {
        if let Some(last) = last {
            joined.push((*across, last));
        }
        joined.push((*across, *up));
        last = Some(*up);
    }
    if let Some(last) = last {
        joined.push((end, last));
    }
    joined
}
