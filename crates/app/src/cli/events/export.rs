//! `events export`: a tenant's own entries into a folder, each with the proof that it is in the log. Verified
//! by `audit verify-events`, without the platform.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use api::{
    endpoint::Nothing,
    nouns::entry::{EntryList, EntryPage, EntryQuery},
    reference::Ref,
};
use store::audit::{
    EVENTS_CHECKPOINT, EVENTS_ENTRIES, EVENTS_FORMAT, EVENTS_MANIFEST, EventsManifest,
};
use units::kinds;

use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    output::table::Table,
};

/// Entries of one page.
const PAGE_ENTRIES: u32 = 500;

/// Whose entries, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde events export --project example/nlp --out nlp-events
  cocarde events export --organisation example --out example-events

Needs the role administrator there. `cocarde audit verify-events DIR --vkey KEY` checks it offline.")]
pub(crate) struct ExportArgs {
    /// All entries of an organisation and its projects, instead of one project
    #[arg(long, value_name = "NAME|ID")]
    organisation: Option<Ref<kinds::Organisation>>,
    /// Folder for the files; made if missing, and must be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Exports.
pub(super) fn run(args: &ExportArgs, session: &Session) -> Result<(), Failure> {
    let project = match args.organisation {
        Some(_) => None,
        None => Some(session.project_required()?),
    };
    let wrong = |error: &std::io::Error| Failure::file("write", &args.out, error);
    fs::create_dir_all(&args.out).map_err(|error| wrong(&error))?;
    if fs::read_dir(&args.out).map_err(|error| wrong(&error))?.next().is_some() {
        let message = format!("`{}` is not empty", args.out.display());
        return Err(Failure::new(Exit::Conflict, message).remedy("name an empty folder"));
    }
    let organisation = args.organisation.clone();
    let limit = Some(PAGE_ENTRIES);
    let mut query = EntryQuery { organisation, project, after: None, limit, size: None };
    let client = session.client()?;
    let first = client.get::<EntryList>(&Nothing {}, &query)?;
    let checkpoint = first.checkpoint.clone().unwrap_or_default();
    let mut lines = create(&args.out, EVENTS_ENTRIES)?;
    let (owner, size) = (first.owner.clone(), first.size);
    let mut count = write_page(&mut lines, &first).map_err(|error| wrong(&error))?;
    let mut next = first.next_after;
    while next < size {
        (query.after, query.size) = (Some(next), Some(size));
        let page = client.get::<EntryList>(&Nothing {}, &query)?;
        count = count.saturating_add(write_page(&mut lines, &page).map_err(|e| wrong(&e))?);
        if page.next_after <= next {
            return Err(Failure::new(Exit::Failed, "the platform does not go on with the list"));
        }
        next = page.next_after;
    }
    lines.flush().map_err(|error| wrong(&error))?;
    let origin = checkpoint.lines().next().unwrap_or_default().to_owned();
    let format = EVENTS_FORMAT.to_owned();
    let manifest = EventsManifest { format, origin, owner, size, count };
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    write(&args.out, EVENTS_CHECKPOINT, &checkpoint)?;
    write(&args.out, EVENTS_MANIFEST, &format!("{text}\n"))?;
    session.output.show(&manifest, || {
        Table::fields()
            .field("tenant", &manifest.owner)
            .field("entries", format!("{} of {} in the log", manifest.count, manifest.size))
            .field("folder", args.out.display())
    })
}

fn create(folder: &Path, name: &str) -> Result<BufWriter<File>, Failure> {
    let path = folder.join(name);
    let file = File::create(&path).map_err(|error| Failure::file("write", &path, &error))?;
    Ok(BufWriter::new(file))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|error| Failure::file("write", &path, &error))
}

/// Writes the entries of a page, one on each line, and answers how many.
fn write_page(lines: &mut impl Write, page: &EntryPage) -> std::io::Result<u64> {
    for entry in &page.items {
        serde_json::to_writer(&mut *lines, entry)?;
        lines.write_all(b"\n")?;
    }
    Ok(u64::try_from(page.items.len()).unwrap_or(u64::MAX))
}
