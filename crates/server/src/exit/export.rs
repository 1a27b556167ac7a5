//! Writes the file. Everything small is read from one state; contents are streamed from the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Seek as _, Write},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::{State, transfer};
use store::{blob::BlobError, vault::Tenant};
use units::{Bytes, Digest, Id, kinds};

use super::{
    BLOBS, FORMAT, HEAD, Head, ITEMS, LAST, LEFT_OUT, PEOPLE, Person, README, history, identities,
    items, lines, own_log,
};
use crate::{http::people::without_password, platform::Platform, tenants::Owners};

/// What is to be written, gathered at one moment.
pub(crate) struct Export {
    home: Id<kinds::Organisation>,
    head: Head,
    checkpoint: String,
    items: Vec<u8>,
    users: Vec<Id<kinds::User>>,
    history: Vec<(&'static str, Vec<u8>)>,
    /// Manifests by project, and single contents.
    contents: Vec<(Id<kinds::Project>, Digest, bool)>,
}

/// Bytes that left, by project.
pub(crate) type Egress = BTreeMap<Id<kinds::Project>, Bytes>;

impl Export {
    /// Gathers an organisation; `None` if there is none of this id.
    pub(crate) fn gather(
        platform: &Platform,
        home: Id<kinds::Organisation>,
    ) -> serde_json::Result<Option<Self>> {
        // The checkpoint first: entries that come meanwhile are not in this file.
        let (checkpoint, signed) = platform.log().signed_head();
        let origin = platform.log().verifier().name().to_owned();
        let now = platform.now();
        platform.read(|state| {
            let Some(organisation) = state.organisations.get(&home) else { return Ok(None) };
            let name = organisation.name.clone();
            let users = state.users.values().filter(|u| transfer::travels(state, home, u.id));
            let mut history = history::files(state, home)?;
            history.push((LEFT_OUT, lines(identities::left_out(state, home, now))?));
            let (seq, is_shut) = (signed.size, organisation.sealed_at.is_some());
            Ok(Some(Self {
                home,
                head: Head { format: FORMAT, origin, organisation: home, name, seq, is_shut },
                checkpoint,
                items: lines(items::items(state, home, now))?,
                users: users.map(|user| user.id).collect(),
                history,
                contents: contents(state, home),
            }))
        })
    }

    /// Writes the tar file; answers what left, by project.
    pub(crate) fn write(
        &self,
        platform: &Platform,
        owners: &Owners,
        out: impl Write,
    ) -> io::Result<Egress> {
        let mut tar = tar::Builder::new(out);
        add(&mut tar, "README.md", README.as_bytes())?;
        add(&mut tar, HEAD, &serde_json::to_vec(&self.head)?)?;
        let mut egress = Egress::new();
        // Contents before what names them, so that a reader that stores as it reads has them.
        self.add_blobs(platform, &mut tar, &mut egress)?;
        add(&mut tar, ITEMS, &self.items)?;
        add(&mut tar, PEOPLE, &self.people(platform)?)?;
        for (path, bytes) in &self.history {
            add(&mut tar, path, bytes)?;
        }
        add(&mut tar, "log/key", format!("{}\n", platform.log().verifier()).as_bytes())?;
        add(&mut tar, "log/checkpoint", self.checkpoint.as_bytes())?;
        // Its length must stand before it, so it is written aside first.
        let mut file = tempfile::tempfile_in(platform.data_dir())?;
        let mut buffered = io::BufWriter::new(&mut file);
        own_log::write((platform, owners), self.home, self.head.seq, &mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        let size = file.stream_position()?;
        file.rewind()?;
        append(&mut tar, LAST, size, file)?;
        tar.finish()?;
        Ok(egress)
    }

    /// Personal data, opened for whoever it belongs to.
    fn people(&self, platform: &Platform) -> io::Result<Vec<u8>> {
        let mut people = Vec::new();
        for user in &self.users {
            let tenant = Tenant::Organisation(self.home);
            let found = platform.vault().take_out(tenant, &user.to_string());
            if let Some((data, lookups)) = found.map_err(io::Error::other)? {
                let data = without_password(&data)?;
                people.push(Person { user: *user, data: STANDARD.encode(data), lookups });
            }
        }
        Ok(lines(people)?)
    }

    fn add_blobs(
        &self,
        platform: &Platform,
        tar: &mut tar::Builder<impl Write>,
        egress: &mut Egress,
    ) -> io::Result<()> {
        let blobs = platform.blobs();
        let mut all: BTreeMap<Digest, Id<kinds::Project>> = BTreeMap::new();
        for (project, digest, is_manifest) in &self.contents {
            all.insert(*digest, *project);
            if *is_manifest {
                match blobs.manifest(*digest) {
                    Ok(found) => all.extend(found.files.iter().map(|f| (f.digest, *project))),
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
        }
        for (digest, project) in all {
            let file = match blobs.open_blob(digest) {
                Ok(file) => file,
                Err(BlobError::Missing { .. }) => {
                    return Err(io::Error::other(format!("`{digest}` is not stored")));
                }
                Err(error) => return Err(io::Error::other(error)),
            };
            let size = blobs.size(digest).map_err(io::Error::other)?;
            let hex = digest.hex();
            let (first, rest) = hex.split_at(2);
            append(tar, &format!("{BLOBS}sha256/{first}/{rest}"), size, file)?;
            let sum = egress.entry(project).or_insert(Bytes(0));
            *sum = Bytes(sum.0.saturating_add(size));
        }
        Ok(())
    }
}

/// Manifests (true) and signatures (false) of what is kept.
fn contents(
    state: &State,
    home: Id<kinds::Organisation>,
) -> Vec<(Id<kinds::Project>, Digest, bool)> {
    let mut all = BTreeSet::new();
    for dataset in items::kept_datasets(state, home) {
        all.extend(dataset.kept().map(|v| (dataset.project, v.manifest, true)));
    }
    for model in items::models(state, home) {
        all.extend(model.versions.iter().map(|v| (model.project, v.manifest, true)));
        let signatures = model.versions.iter().filter_map(|v| v.signature);
        all.extend(signatures.map(|digest| (model.project, digest, false)));
    }
    all.into_iter().collect()
}

pub(super) fn add(tar: &mut tar::Builder<impl Write>, path: &str, bytes: &[u8]) -> io::Result<()> {
    append(tar, path, u64::try_from(bytes.len()).unwrap_or(u64::MAX), bytes)
}

/// A plain file without times or owners: the same content gives the same bytes.
pub(super) fn append(
    tar: &mut tar::Builder<impl Write>,
    path: &str,
    size: u64,
    content: impl io::Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    tar.append_data(&mut header, path, content.take(size))
}
