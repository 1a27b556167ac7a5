//! What can be wrong with the files, said with file, line and field.

use std::path::PathBuf;

/// Why an experiment could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is missing or cannot be read.
    #[error("cannot read `{}`: {why}; give the folder with the openb lists", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A line is not a record of the table.
    #[error("`{}` line {line}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line in the uncompressed file, from 1.
        line: u64,
        /// What the reader says.
        why: String,
    },
    /// A column is missing.
    #[error("`{}` has no column `{field}`: its first line must name it", path.display())]
    NoField {
        /// The file.
        path: PathBuf,
        /// The column.
        field: &'static str,
    },
    /// A value is out of range or of the wrong kind.
    #[error("`{}` line {line}, field `{field}`: `{value}` {why}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Line in the uncompressed file, from 1.
        line: u64,
        /// The column.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What should stand there.
        why: &'static str,
    },
    /// The lists ask for no GPU or the cluster has none, so there is nothing to fill.
    #[error("`{0}` asks for no GPU or the cluster has none: choose other lists")]
    NothingToFill(String),
    /// A list was asked for that is not there.
    #[error("no pod list `{0}`: there must be a file openb_pod_list_{0}.csv or .csv.gz")]
    NoSuchList(String),
}
