//! Reads the file. Contents are stored as they are read, each checked by its name; nothing is
//! admitted before the whole file was read.

use std::{
    io::{self, Read},
    path::Path,
};

use api::nouns::exit::LeftOut;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::Event;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use store::{Blobs, blob::BlobError};
use units::{Digest, Id, kinds};

use crate::http::people::without_password;

use super::{BLOBS, FORMAT, HEAD, Head, ITEMS, LAST, LEFT_OUT, PEOPLE, Person};

/// Most bytes of a text of the file.
const TEXT_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of one content.
const BLOB_BYTES_MAX: u64 = 64 << 30;

/// A person's data in clear, and the lookups (purpose, value) by which the person is found.
pub(crate) type Arrival = (Id<kinds::User>, Vec<u8>, Vec<(String, String)>);

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) head: Head,
    pub(crate) items: Vec<Event>,
    pub(crate) people: Vec<Arrival>,
    /// What the file says did not go along.
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) n_blobs: u64,
    /// SHA-256 of head, items and people: the same file gives the same.
    pub(crate) digest: Digest,
}

/// Why a file is not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// It is not an export.
    #[error("this is not an export of this format: {0}; give the file that `cocarde export` wrote")]
    Form(String),
    /// A content is not what its name says, or cannot be stored.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// It broke off.
    #[error("the file cannot be read to its end: {0}")]
    Io(#[from] io::Error),
}

impl Import {
    /// Reads a tar file, storing its contents.
    pub(crate) fn read(file: impl Read, blobs: &Blobs) -> Result<Self, ImportError> {
        let mut archive = tar::Archive::new(file);
        let (mut head, mut items, mut people, mut n_blobs) = (None, None, None, 0_u64);
        let (mut left_out, mut last) = (None, None);
        for entry in archive.entries()? {
            let mut entry = entry?;
            if !entry.header().entry_type().is_file() {
                return Err(ImportError::Form("it holds something that is no file".to_owned()));
            }
            let path = entry.path()?.into_owned();
            let path = path.to_str().ok_or_else(|| odd(&path))?.to_owned();
            match path.as_str() {
                HEAD => head = Some(text(&mut entry)?),
                ITEMS => items = Some(text(&mut entry)?),
                PEOPLE => people = Some(text(&mut entry)?),
                LEFT_OUT => left_out = Some(text(&mut entry)?),
                other => {
                    if let Some(name) = other.strip_prefix(BLOBS) {
                        let digest = digest_of(name).ok_or_else(|| odd(Path::new(other)))?;
                        blobs.put_reader(&mut entry, Some(digest), BLOB_BYTES_MAX)?;
                        n_blobs = n_blobs.saturating_add(1);
                    }
                }
            }
            last = Some(path);
        }
        let missing = |what: &str| ImportError::Form(format!("it has no `{what}`"));
        // A file cut off between two of its parts looks like a shorter one.
        last.filter(|path| path == LAST).ok_or_else(|| missing(LAST))?;
        let head = head.ok_or_else(|| missing(HEAD))?;
        let items = items.ok_or_else(|| missing(ITEMS))?;
        let people = people.ok_or_else(|| missing(PEOPLE))?;
        let mut hasher = Sha256::new();
        for part in [&head, &items, &people] {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        let head: Head = serde_json::from_slice(&head).map_err(|e| form(HEAD, &e))?;
        if head.format == 0 || head.format > FORMAT {
            let message =
                format!("its format is {}, this version knows 1 to {FORMAT}", head.format);
            return Err(ImportError::Form(message));
        }
        let people = parse::<Person>(PEOPLE, &people)?.into_iter().map(|person| {
            let data = STANDARD.decode(&person.data);
            let data = data.map_err(|_| ImportError::Form(format!("`{PEOPLE}` is not base64")))?;
            // Earlier files had hashes of passwords; nobody signs in here by what a file says.
            let data = without_password(&data).map_err(|error| form(PEOPLE, &error))?;
            Ok((person.user, data, person.lookups))
        });
        Ok(Self {
            head,
            items: parse(ITEMS, &items)?,
            people: people.collect::<Result<_, ImportError>>()?,
            left_out: parse(LEFT_OUT, &left_out.unwrap_or_default())?,
            n_blobs,
            digest: Digest(hasher.finalize().into()),
        })
    }
}

fn odd(path: &Path) -> ImportError {
    ImportError::Form(format!("it holds `{}`", path.display()))
}

fn form(file: &str, error: &serde_json::Error) -> ImportError {
    ImportError::Form(format!("`{file}`: {error}"))
}

fn text(entry: &mut impl Read) -> Result<Vec<u8>, ImportError> {
    let mut bytes = Vec::new();
    let n_read = entry.take(TEXT_BYTES_MAX).read_to_end(&mut bytes)?;
    if u64::try_from(n_read).unwrap_or(u64::MAX) >= TEXT_BYTES_MAX {
        return Err(ImportError::Form("a text in it has more than 256 MiB".to_owned()));
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<Vec<T>, ImportError> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|e| form(file, &e))).collect()
}

/// `sha256/ab/cdef…` as a digest.
fn digest_of(name: &str) -> Option<Digest> {
    let (first, rest) = name.strip_prefix("sha256/")?.split_once('/')?;
    format!("sha256:{first}{rest}").parse().ok().filter(|_| first.len() == 2)
}
