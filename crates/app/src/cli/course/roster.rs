//! A roster: CSV (RFC 4180) with a line of column names. Whatever is wrong is named with line and column;
//! nothing of a roster that is not right is sent.

use std::path::Path;

use api::nouns::course::{CoursePart, RosterLine};

use crate::cli::failure::Failure;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads a roster.
pub(super) fn read(file: &Path) -> Result<Vec<RosterLine>, Failure> {
    let size = std::fs::metadata(file).map_err(|error| Failure::file("read", file, &error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(Failure::invalid(format!("`{}` has more than 4 MiB", file.display()))
            .remedy("a roster is a small file: send it in parts"));
    }
    let bytes = std::fs::read(file).map_err(|error| Failure::file("read", file, &error))?;
    parse(&bytes).map_err(|(line, message)| {
        Failure::invalid(format!("`{}` line {line}: {message}", file.display()))
            .remedy("correct the line and import again; nothing was sent")
    })
}

/// The people, or the line and what is wrong with it.
fn parse(bytes: &[u8]) -> Result<Vec<RosterLine>, (u64, String)> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let headers = reader.headers().map_err(|error| wrong(&error))?.clone();
    let column = |wanted: &str| headers.iter().position(|h| h.eq_ignore_ascii_case(wanted));
    let email = column("email").ok_or((1, "has no column `email`".to_owned()))?;
    let (name, role) = (column("name"), column("role"));
    let known = ["email", "name", "role"];
    if let Some(odd) = headers.iter().find(|h| !known.iter().any(|k| h.eq_ignore_ascii_case(k))) {
        return Err((1, format!("column `{odd}` is not known: use `email`, `name` and `role`")));
    }
    let mut people: Vec<RosterLine> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).filter(|t| !t.is_empty());
        let address = cell(Some(email)).ok_or((line, "column `email`: is empty".to_owned()))?;
        let sound = address.split_once('@').is_some_and(|(a, b)| !a.is_empty() && b.contains('.'));
        if !sound || address.contains(char::is_whitespace) {
            let message = format!("column `email`: `{address}` is no address");
            return Err((line, message));
        }
        let part = match cell(role).map(str::to_ascii_lowercase).as_deref() {
            None | Some("student") => CoursePart::Student,
            Some("teacher") => CoursePart::Teacher,
            Some(other) => {
                let message =
                    format!("column `role`: `{other}` is neither `student` nor `teacher`");
                return Err((line, message));
            }
        };
        if people.iter().any(|other| other.email.eq_ignore_ascii_case(address)) {
            return Err((line, format!("column `email`: `{address}` is there twice")));
        }
        let name = cell(name).map(str::to_owned);
        people.push(RosterLine { email: address.to_owned(), name, part });
    }
    Ok(people)
}

fn wrong(error: &csv::Error) -> (u64, String) {
    (error.position().map_or(0, csv::Position::line), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_is_read_with_quotes_and_blanks() {
        let text = "Email, name ,role\nada@ecole.fr,\"Lovelace, Ada\",teacher\n bob@ecole.fr ,,\n";
        let people = parse(text.as_bytes()).unwrap();
        assert_eq!(people.len(), 2);
        assert_eq!(people[0].name.as_deref(), Some("Lovelace, Ada"));
        assert_eq!((people[0].part, people[1].part), (CoursePart::Teacher, CoursePart::Student));
        assert_eq!((people[1].email.as_str(), &people[1].name), ("bob@ecole.fr", &None));
    }

    #[test]
    fn what_is_wrong_is_named_with_line_and_column() {
        for (text, line, says) in [
            ("name\nAda\n", 1, "no column `email`"),
            ("email,phone\n", 1, "`phone` is not known"),
            ("email\na@b.fr\nnobody\n", 3, "column `email`: `nobody` is no address"),
            ("email,role\na@b.fr,dean\n", 2, "column `role`: `dean`"),
            ("email\na@b.fr\nA@B.fr\n", 3, "is there twice"),
            ("email,name\na@b.fr\n", 2, "found record with 1 fields"),
        ] {
            let (at, message) = parse(text.as_bytes()).unwrap_err();
            assert!(at == line && message.contains(says), "{text}: {at} {message}");
        }
    }
}
