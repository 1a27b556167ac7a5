//! The tables of the experiment as Markdown.
//!
//! Must show what was measured and nothing else: no figure without its rows, and what was not
//! published is left out, not filled in.

use std::fmt::{self, Write};

use super::Row;

/// All rows.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// In the order in which they were run.
    pub rows: Vec<Row>,
}

impl Report {
    /// The row of a policy on a list.
    #[must_use]
    pub fn row(&self, list: &str, policy: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.list == list && row.policy == policy)
    }

    /// Lists in the order of the rows: published ones or those made here.
    fn lists(&self, derived: bool) -> Vec<&str> {
        let mut lists: Vec<&str> = Vec::new();
        for row in self.rows.iter().filter(|row| row.derived == derived) {
            if lists.last() != Some(&row.list.as_str()) {
                lists.push(&row.list);
            }
        }
        lists
    }

    /// Ours less FGD at 100 % asked, for each list.
    #[must_use]
    pub fn gains(&self, derived: bool) -> Vec<(&str, i64)> {
        let gain = |list| {
            let fgd = self.row(list, "FGD")?.at_full()?;
            Some((list, self.row(list, "Worth")?.at_full()? - fgd))
        };
        self.lists(derived).into_iter().filter_map(gain).collect()
    }

    /// All tables.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let written = self.write(&mut out);
        written.map_or_else(|_| String::from("the report could not be written\n"), |()| out)
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        self.reproduction(out)?;
        self.ours(out, false)?;
        self.ours(out, true)?;
        self.platform(out)?;
        self.dropped(out)?;
        self.times(out)
    }

    fn reproduction(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "### Against the published runs\n")?;
        writeln!(
            out,
            "Allocated GPU % when so many % are asked, mean of the seeds; cells within 0.01 points of the"
        )?;
        writeln!(out, "published run of the same seed, over all percentages from 0 to 130.\n")?;
        writeln!(
            out,
            "| list | policy | at 95 | at 100 | at 130 | published at 100 | off | equal cells | farthest cell |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
        for row in self.rows.iter().filter(|row| !row.published.is_empty()) {
            let [early, full, late] = row.allocated.map(Points);
            let published = row.published_at(100);
            let off = full.0.zip(published).map(|(ours, theirs)| ours - theirs);
            let all = row.comparison();
            let cells = if all.cells == 0 {
                String::from("random | ")
            } else {
                let farthest = Points(i64::try_from(all.farthest).ok());
                format!("{} of {} | {farthest:.3}", all.near, all.cells)
            };
            writeln!(
                out,
                "| {} | {} | {early} | {full} | {late} | {} | {} | {cells} |",
                row.list,
                row.policy,
                Points(published),
                Signed(off)
            )?;
        }
        writeln!(out)
    }

    fn platform(&self, out: &mut String) -> fmt::Result {
        let rows: Vec<&Row> =
            self.rows.iter().filter(|row| row.policy.starts_with("Platform")).collect();
        if rows.is_empty() {
            return Ok(());
        }
        writeln!(out, "### The platform's scheduler\n")?;
        writeln!(out, "| list | | at 95 | at 100 | at 130 |\n|---|---|---|---|---|")?;
        for row in rows {
            let [early, full, late] = row.allocated.map(Points);
            writeln!(out, "| {} | {} | {early} | {full} | {late} |", row.list, row.policy)?;
        }
        writeln!(out)
    }

    fn ours(&self, out: &mut String, derived: bool) -> fmt::Result {
        let gains = self.gains(derived);
        let Some(worst) = gains.iter().map(|(_, gain)| *gain).min() else { return Ok(()) };
        let kind = if derived { "lists made here" } else { "lists of the artifact" };
        writeln!(out, "### Ours against FGD, {kind}\n")?;
        writeln!(
            out,
            "| list | FGD 95 | 100 | 130 | ours 95 | 100 | 130 | gain 95 | gain 100 | gain 130 | fragments FGD | ours |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for (list, _) in &gains {
            let rows = self.row(list, "FGD").zip(self.row(list, "Worth"));
            let Some((fgd, ours)) = rows else { continue };
            write!(out, "| {list} |")?;
            for cell in fgd.allocated.iter().chain(&ours.allocated) {
                write!(out, " {} |", Points(*cell))?;
            }
            for (fgd, ours) in fgd.allocated.iter().zip(&ours.allocated) {
                write!(out, " {} |", Signed(ours.zip(*fgd).map(|(ours, fgd)| ours - fgd)))?;
            }
            let [.., fgd] = fgd.fragments;
            let [.., ours] = ours.fragments;
            writeln!(out, " {} | {} |", Points(fgd), Points(ours))?;
        }
        let many = i64::try_from(gains.len()).unwrap_or(1).max(1);
        let mean = gains.iter().map(|(_, gain)| *gain).sum::<i64>().div_euclid(many);
        writeln!(
            out,
            "\nMean gain at 100 %: {}; worst list: {}.\n",
            Signed(Some(mean)),
            Signed(Some(worst))
        )
    }

    fn dropped(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "### Dropped until all GPUs were asked, in % of those that arrived\n")?;
        writeln!(out, "| list | policy | without GPU | share | one | several |")?;
        writeln!(out, "|---|---|---|---|---|---|")?;
        for row in self.rows.iter().filter(|row| matches!(row.policy, "FGD" | "Worth")) {
            write!(out, "| {} | {} |", row.list, row.policy)?;
            for (arrived, dropped) in row.dropped {
                let part = (dropped * 100_000).checked_div(arrived);
                write!(out, " {} |", Points(part.and_then(|part| i64::try_from(part).ok())))?;
            }
            writeln!(out)?;
        }
        writeln!(out)
    }

    fn times(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "### Time of one pass, one thread\n")?;
        writeln!(
            out,
            "| list | policy | pods | best ms | median ms | worst ms | pods / s (median) |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let mut times = row.pass_ns.clone();
            times.sort_unstable();
            let median = times.get(times.len() / 2).copied();
            let (Some(first), Some(last), Some(median)) = (times.first(), times.last(), median)
            else {
                continue;
            };
            let pods = u64::try_from(row.pods).unwrap_or(0);
            let rate = (pods * 1_000_000_000).checked_div(median).unwrap_or(0);
            let [first, median, last] = [*first, median, *last].map(|ns| ns / 100_000);
            writeln!(
                out,
                "| {} | {} | {pods} | {}.{} | {}.{} | {}.{} | {rate} |",
                row.list,
                row.policy,
                first / 10,
                first % 10,
                median / 10,
                median % 10,
                last / 10,
                last % 10
            )?;
        }
        writeln!(out)
    }
}

/// Thousandths of a point, shown with two decimals, or three if asked for.
struct Points(Option<i64>);

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(thousandths) = self.0 else { return f.write_str("-") };
        let size = thousandths.unsigned_abs();
        let three = f.precision() == Some(3);
        let shown = if three { size } else { (size + 5) / 10 };
        let sign = if thousandths < 0 && shown > 0 { "-" } else { "" };
        let (whole, part) =
            if three { (shown / 1_000, shown % 1_000) } else { (shown / 100, shown % 100) };
        let decimals = if three { 3 } else { 2 };
        write!(f, "{sign}{whole}.{part:0decimals$}")
    }
}

/// The same with its sign.
struct Signed(Option<i64>);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_some_and(|thousandths| thousandths > -5) {
            f.write_str("+")?;
        }
        write!(f, "{}", Points(self.0))
    }
}
