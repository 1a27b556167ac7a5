//! Tables for people: aligned columns, two spaces apart, the same in a pipe as on a terminal.
//!
//! Texts come from tenants: control characters are shown as `?`, so that none drives a terminal.

/// How a column is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Left,
    Right,
    State,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    title: &'static str,
    kind: Kind,
}

/// A column of texts.
pub(crate) const fn left(title: &'static str) -> Column {
    Column { title, kind: Kind::Left }
}

/// A column of figures.
pub(crate) const fn right(title: &'static str) -> Column {
    Column { title, kind: Kind::Right }
}

/// A column of states, coloured by what they mean.
pub(crate) const fn state(title: &'static str) -> Column {
    Column { title, kind: Kind::State }
}

/// Rows under a header, or fields one below the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    columns: Vec<Column>,
    header: bool,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    /// An empty table with a header.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), header: true, rows: Vec::new(), notes: Vec::new() }
    }

    /// Fields of one thing, one below the other.
    pub(crate) fn fields() -> Self {
        Self { header: false, ..Self::new(&[left(""), state("")]) }
    }

    /// Adds a row; missing cells are empty.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// Adds a field.
    #[must_use]
    pub(crate) fn field(mut self, name: &str, value: impl ToString) -> Self {
        self.rows.push(vec![format!("{name}:"), value.to_string()]);
        self
    }

    /// Adds a field if there is a value.
    #[must_use]
    pub(crate) fn field_if(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// Adds a line below the table.
    #[must_use]
    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// The text, with a line break at its end.
    pub(crate) fn render(&self, colour: bool) -> String {
        let title_of = |column: &Column| column.title.to_owned();
        let header = self.header.then(|| self.columns.iter().map(title_of).collect());
        let rows: Vec<Vec<String>> = header
            .into_iter()
            .chain(self.rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()))
            .collect();
        let width = |index: usize| {
            rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> =
            (0..self.columns.len()).map(|index| width(index).unwrap_or(0)).collect();
        let mut text = String::new();
        for (number, row) in rows.iter().enumerate() {
            let heading = self.header && number == 0;
            let mut line = String::new();
            for ((column, cell), width) in self.columns.iter().zip(row).zip(&widths) {
                let missing = " ".repeat(width.saturating_sub(cell.chars().count()));
                let shown = paint(column.kind, cell, colour && !heading);
                match column.kind {
                    Kind::Right => line.push_str(&format!("{missing}{shown}  ")),
                    Kind::Left | Kind::State => line.push_str(&format!("{shown}{missing}  ")),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&lines_printable(note));
            text.push('\n');
        }
        text
    }
}

/// The text without what could drive a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn lines_printable(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Green for good, yellow for waiting, red for bad (ECMA-48 §8.3.117).
fn paint(kind: Kind, cell: &str, colour: bool) -> String {
    if !colour || kind != Kind::State {
        return cell.to_owned();
    }
    let code = match cell {
        "ready" | "running" | "succeeded" | "ok" | "allowed" | "yes" => "32",
        "queued" | "starting" | "stopping" | "pending" | "degraded" | "draining" | "cordoned"
        | "warn" => "33",
        "failed" | "lost" | "fail" | "refused" | "no" => "31",
        _ => return cell.to_owned(),
    };
    format!("\u{1b}[{code}m{cell}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&[left("NAME"), state("STATE"), right("COST")]);
        table.row(["été".into(), "running".into(), "1.50".into()]);
        table.row(["a-long-name".into(), "failed".into(), "12.00".into()]);
        table
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        expect![[r#"
            NAME         STATE     COST
            été          running   1.50
            a-long-name  failed   12.00
            two lines
            below
        "#]]
        .assert_eq(&sample().note("two lines\nbelow").render(false));
    }

    #[test]
    fn only_states_are_coloured_and_only_when_asked() {
        let text = sample().render(true);
        assert!(text.contains("\u{1b}[32mrunning\u{1b}[0m  ") && text.contains("\u{1b}[31mfailed"));
        assert!(text.starts_with("NAME         STATE "), "the header is not coloured: {text}");
        assert!(!sample().render(false).contains('\u{1b}'));
    }

    #[test]
    fn a_tenant_cannot_drive_the_terminal() {
        let table = Table::fields().field("name", "a\u{1b}[2Jb\nc").field_if("x", None::<u8>);
        expect![[r#"
            name:  a?[2Jb?c
        "#]]
        .assert_eq(&table.render(true));
    }
}
