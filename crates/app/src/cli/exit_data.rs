//! `export` and `import`: an organisation leaves with everything, and arrives elsewhere with it.
//!
//! The file holds personal data in clear: it is its owner's only, and never replaces another.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        exit::{OrganisationExport, OrganisationImport},
        storage::ToQuery,
    },
    reference::Ref,
};
use units::{Bytes, kinds};

use super::{exit::Exit, failure::Failure, organisation, session::Session};
use crate::output::{human::size, say, table::Table};

/// Export everything of an organisation to a tar file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde export --organisation bank --out bank.tar
  cocarde export --organisation org_01k9z0000000000000000000000 --out /media/bank.tar

The file holds data, configuration, people, history and the organisation's log entries with proofs;
its README.md says how each is read. It holds personal data in clear: keep it safe. Policies are asked whether
it may go to that place, and the answer is logged before the first byte; see `cocarde storage list`.")]
pub(crate) struct ExportArgs {
    /// Its name or id
    #[arg(long, value_name = "ORG")]
    organisation: Ref<kinds::Organisation>,
    /// The tar file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The registered place of storage that it goes to; the first one for exports if absent
    #[arg(long, value_name = "STORAGE")]
    storage: Option<Ref<kinds::Storage>>,
}

/// Take in an organisation that another installation exported
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde import --file bank.tar
  cocarde import --file bank.tar -o json

Ids and rights stay as they were. If it breaks off, the same command goes on where it stopped. What is left
out is listed with its reason: no secret is in the file, so keys, client secrets and passwords are made anew.
An organisation that was shut to its platform's operator gets one key of an administrator, valid for seven
days, for those whose it is.")]
pub(crate) struct ImportArgs {
    /// The tar file that `cocarde export` wrote
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// Writes an export.
pub(crate) fn export(args: &ExportArgs, session: &Session) -> Result<(), Failure> {
    let id = organisation::find(session, &args.organisation)?;
    let query = ToQuery { storage: args.storage.clone() };
    let mut reader = session.client()?.stream::<OrganisationExport>(&IdPath { id }, &query)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&args.out).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Conflict, format!("`{}` exists already", args.out.display()))
                .remedy("choose another name; an export never replaces one")
        }
        _ => Failure::file("write", &args.out, &error),
    })?;
    let copied = io::copy(&mut reader, &mut file).and_then(|n| file.sync_all().map(|()| n));
    let bytes = copied.map_err(|error| {
        // Half an export is none.
        let _ = fs::remove_file(&args.out);
        let text = format!("the export to `{}` broke off: {error}", args.out.display());
        Failure::new(Exit::Failed, text)
    })?;
    say(&format!("{} written to `{}`", size(Bytes(bytes)), args.out.display()));
    Ok(())
}

/// Takes an export in.
pub(crate) fn import(args: &ImportArgs, session: &Session) -> Result<(), Failure> {
    let file = File::open(&args.file).map_err(|error| Failure::file("read", &args.file, &error))?;
    let taken = session.client()?.send_file::<OrganisationImport>(&Nothing {}, file)?;
    session.output.show(&taken, || {
        let table = Table::fields()
            .field("organisation", taken.organisation)
            .field("name", &taken.name)
            .field("from", &taken.origin)
            .field("items", taken.n_items)
            .field("people", taken.n_people)
            .field("contents", taken.n_blobs);
        let table = match &taken.administrator_key {
            Some(key) => table.field("administrator's key", key),
            None => table,
        };
        let left = taken.left_out.iter();
        left.fold(table, |table, left| {
            table.field("left out", format!("{}: {}", left.id, left.reason))
        })
    })
}
