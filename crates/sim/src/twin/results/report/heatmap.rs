//! How busy racks were over time: one lane for each rack or few neighbours, darker is busier, red is out.

use super::{
    axis::Axis,
    chart::{below, figure, frame},
    html::{escaped, tenths},
};
use crate::twin::{number, results::rackmap::LaneCurve};

const WIDTH: i64 = 11_600;
const LEFT: i64 = 1_000;
const RIGHT: i64 = 140;
const TOP: i64 = 30;
const BOTTOM: i64 = 560;
/// Height of all lanes together, about.
const LANES: i64 = 2_800;
/// Shades between idle and full.
const SHADES: u64 = 10;

/// The figure of one policy; nothing without lanes.
pub(super) fn figure_of(policy: &str, lanes: &[LaneCurve], racks: u64, end: u64) -> String {
    let Ok(count @ 1..) = i64::try_from(lanes.len()) else { return String::new() };
    let row = (LANES / count).clamp(20, 260);
    let height = row * count;
    let width = WIDTH - LEFT - RIGHT;
    let title = format!("Racks over time: {policy}");
    let mut svg = frame(&title, WIDTH, TOP + height + BOTTOM);
    svg.push_str("<g class=\"heat\" shape-rendering=\"crispEdges\">");
    for shade in 1..=SHADES {
        let is_in = |used: u64, _: u64| used > 0 && shade_of(used) == shade;
        let path = cells(lanes, row, (width, end), &is_in);
        push_path(&mut svg, "", shade, &path);
    }
    for shade in 1..=SHADES {
        // Rounded to the nearest, so that a few bad nodes of many racks do not tint the whole map.
        let is_in = |_: u64, down: u64| (down.min(1_000) + 50) / 100 == shade;
        let path = cells(lanes, row, (width, end), &is_in);
        push_path(&mut svg, " class=\"out\"", shade, &path);
    }
    svg.push_str("</g>");
    svg.push_str(&axes(lanes, row, (width, height), end));
    svg.push_str(&scale(TOP + height + 340));
    svg.push_str("</svg>");
    let each = racks.div_ceil(number::count(lanes.len()).max(1));
    let lane = if each == 1 { "a rack".to_owned() } else { format!("{each} racks") };
    let about = format!("each lane is {lane}; share of its GPUs in use, by time of the run");
    figure(&title, &about, &svg, "wide")
}

/// Tenths of a whole, rounded up.
fn shade_of(milli: u64) -> u64 {
    milli.min(1_000).div_ceil(1_000 / SHADES)
}

fn push_path(svg: &mut String, class: &str, shade: u64, path: &str) {
    if !path.is_empty() {
        let opacity = number::thousandths(shade * 1_000 / SHADES, 2);
        svg.push_str(&format!("<path{class} fill-opacity=\"{opacity}\" d=\"{path}\"/>"));
    }
}

/// One path of all cells of a shade; neighbours of a lane are one box.
fn cells(
    lanes: &[LaneCurve],
    row: i64,
    (width, end): (i64, u64),
    is_in: &dyn Fn(u64, u64) -> bool,
) -> String {
    let axis = Axis::Time { end };
    let mut path = String::new();
    for (position, lane) in (0_i64..).zip(lanes) {
        let step = lane.step.0.max(1);
        let mut from: Option<u64> = None;
        let steps =
            lane.used_milli.iter().zip(&lane.down_milli).map(|(used, down)| is_in(*used, *down));
        for (number, is_in) in (0_u64..).zip(steps.chain([false])) {
            match (from, is_in) {
                (None, true) => from = Some(number),
                (Some(start), false) => {
                    let left = LEFT + axis.place(start.saturating_mul(step), width);
                    let right = LEFT + axis.place(number.saturating_mul(step), width);
                    let (x, y) = (tenths(left), tenths(TOP + position * row));
                    let (wide, high) = (tenths(right - left), tenths(row));
                    path.push_str(&format!("M{x} {y}h{wide}v{high}h-{wide}z"));
                    from = None;
                }
                (Some(_), true) | (None, false) => {}
            }
        }
    }
    path
}

fn axes(lanes: &[LaneCurve], row: i64, (width, height): (i64, i64), end: u64) -> String {
    let (right, bottom) = (LEFT + width, TOP + height);
    let mut svg = format!(
        "<path class=\"axis\" fill=\"none\" d=\"M{l} {t}H{r}V{b}H{l}z\"/>",
        l = tenths(LEFT),
        t = tenths(TOP),
        r = tenths(right),
        b = tenths(bottom)
    );
    let marks = (Axis::Time { end }).marks(width);
    for mark in &marks {
        let (x, y) = (tenths(LEFT + mark.place), tenths(bottom));
        svg.push_str(&format!("<path class=\"axis\" d=\"M{x} {y}v4\"/>"));
    }
    svg.push_str(&below(&marks, LEFT, width, bottom + 170));
    // A name where there is room for one.
    let every = usize::try_from((150 / row).max(1)).unwrap_or(1).max(lanes.len().div_ceil(12));
    for (position, lane) in lanes.iter().enumerate().filter(|(at, _)| at.is_multiple_of(every)) {
        let top = TOP + i64::try_from(position).unwrap_or(0) * row;
        let name = lane.name.rsplit('/').next().unwrap_or(&lane.name);
        svg.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" dy=\"3.5\" text-anchor=\"end\">{}</text>",
            tenths(LEFT - 70),
            tenths(top + row.min(150) / 2),
            escaped(name)
        ));
    }
    svg
}

/// What the shades mean.
fn scale(top: i64) -> String {
    let mut svg = String::from("<g class=\"heat\">");
    let size = 150;
    for shade in 1..=SHADES {
        let x = LEFT + i64::try_from(shade).unwrap_or(0) * size - size;
        let path = format!("M{} {}h{s}v{s}h-{s}z", tenths(x), tenths(top), s = tenths(size));
        push_path(&mut svg, "", shade, &path);
    }
    let out = LEFT + 2_900;
    let path = format!("M{} {}h{s}v{s}h-{s}z", tenths(out), tenths(top), s = tenths(size));
    push_path(&mut svg, " class=\"out\"", SHADES, &path);
    let y = tenths(top + 120);
    svg.push_str(&format!(
        "</g><text x=\"{}\" y=\"{y}\" text-anchor=\"end\">0%</text><text x=\"{}\" y=\"{y}\">100% of GPUs in use</text><text x=\"{}\" y=\"{y}\">nodes out of work</text>",
        tenths(LEFT - 70),
        tenths(LEFT + 10 * size + 70),
        tenths(out + size + 70)
    ));
    svg
}
