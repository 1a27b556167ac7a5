//! Tables of a Markdown report as data, so that a report is written once and read in both ways.

use serde_json::{Map, Value, json};

/// All tables of a text, each under the heading before it; a row is a map from column to cell.
pub(super) fn data(text: &str) -> Value {
    let mut tables: Vec<Value> = Vec::new();
    let mut heading = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix('#') {
            heading = text.trim_start_matches('#').trim().to_owned();
            continue;
        }
        let is_header = lines.peek().is_some_and(|next| is_rule(next));
        let Some(columns) = cells(line).filter(|_| is_header) else { continue };
        let _rule = lines.next();
        let mut rows = Vec::new();
        while let Some(row) = lines.peek().and_then(|line| cells(line)) {
            let _row = lines.next();
            rows.push(Value::Object(
                columns.iter().cloned().zip(texts(row)).collect::<Map<_, _>>(),
            ));
        }
        tables.push(json!({ "heading": heading, "columns": columns, "rows": rows }));
    }
    json!({ "tables": tables })
}

fn texts(row: Vec<String>) -> impl Iterator<Item = Value> {
    row.into_iter().map(Value::String)
}

/// The cells of a row; `None` for what is no row.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().replace("**", "")).collect())
}

/// The line below a header.
fn is_rule(line: &str) -> bool {
    line.starts_with("|--") && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_under_their_headings() {
        let text = "# One\n\ntext | more\n\n| a | b |\n|---|---|\n| 1 | **2** |\n| 3 | |\n\n## Two\n| c |\n|--:|\n| 4 |\n";
        assert_eq!(
            data(text),
            json!({ "tables": [
                { "heading": "One", "columns": ["a", "b"],
                  "rows": [{ "a": "1", "b": "2" }, { "a": "3", "b": "" }] },
                { "heading": "Two", "columns": ["c"], "rows": [{ "c": "4" }] },
            ] })
        );
        assert_eq!(data("| no | rule |\n| 1 | 2 |\n"), json!({ "tables": [] }));
    }
}
