//! Leaving and arriving: the export of an organisation as a stream, and its import.

use std::{
    io::{Seek as _, Write as _},
    sync::{Arc, PoisonError},
};

use api::{
    nouns::exit::{Imported, LeftOut, OrganisationExport, OrganisationImport},
    problem::{Code, FieldError},
};
use axum::{body::Body, response::Response};
use futures_util::StreamExt as _;
use kernel::{
    Actor, Command, Event, Submission,
    access::{Role, Scope},
    erasure::Target,
    key,
    storage::Sent,
    transfer, usage, user,
};
use store::vault::Tenant;
use units::{DurationMicros, Id, kinds};

use super::{
    access,
    blobs::blocking_fail,
    fail::Fail,
    mount::{Call, as_of},
    require_operator, serve,
    sovereign::sending,
    tar_stream,
};
use crate::{
    exit::{Egress, Export, Import, ImportError},
    platform::{Platform, token},
};

/// How long the first key of an organisation that arrived is valid.
const FIRST_KEY_LIFETIME: DurationMicros = DurationMicros::from_secs(7 * 86_400);

/// `GET /api/v1/organisations/{id}/export`
pub(crate) async fn export(call: Call<OrganisationExport>) -> Result<Response, Fail> {
    let id = call.path.id;
    let name = call.read(|state| {
        let found = state.organisations.get(&id).map(|o| (o, Scope::Organisation(id)));
        let named = ("organisation", &id as &dyn std::fmt::Display);
        access::find(state, &call.caller, Role::Administrator, found, named).map(|o| o.name.clone())
    })?;
    sending::send(&call, Sent::Organisation(id)).await?;
    // From before it is gathered until it is on its way, nothing of it is destroyed.
    let kept = call.platform().hold_content().await;
    let app = Arc::clone(&call.app);
    let gathered = blocking_fail(move || {
        let gathered = Export::gather(&app.platform, id);
        gathered.map_err(|error| Fail::internal("an export cannot be written", &error))
    });
    let export = gathered.await?.ok_or_else(|| Fail::not_found("organisation", id))?;
    let (app, runtime) = (Arc::clone(&call.app), tokio::runtime::Handle::current());
    Ok(tar_stream::answer(name.as_str(), format!("export of {id}"), move |writer| {
        let _kept = kept;
        let egress = export.write(&app.platform, &app.owners, writer)?;
        runtime.block_on(meter(&app.platform, id, egress));
        Ok(())
    }))
}

/// Records what left: as a switch if the organisation gave notice of one, in parallel otherwise.
async fn meter(platform: &Platform, home: Id<kinds::Organisation>, egress: Egress) {
    let switches = platform.read(|state| {
        let own = state.erasures.values().filter(|e| e.target == Target::Organisation(home));
        own.filter(|e| e.is_open()).any(|e| e.switch.is_some())
    });
    let purpose = match switches {
        true => usage::EgressPurpose::Switch,
        false => usage::EgressPurpose::Parallel,
    };
    for (project, size) in egress {
        let record = Command::Usage(usage::Command::RecordEgress { project, purpose, size });
        if let Err(error) = platform.submit(Actor::System, Submission::new(record)).await {
            tracing::warn!(%error, project.id = %project, "what left could not be recorded");
        }
    }
}

/// `POST /api/v1/organisations/import`
pub(crate) async fn import(call: Call<OrganisationImport>) -> Result<Imported, Fail> {
    require_operator(&call)?;
    let file = receive(&call).await?;
    let app = Arc::clone(&call.app);
    let _kept = call.platform().hold_content().await;
    let read = blocking_fail(move || {
        Import::read(std::io::BufReader::new(file), app.platform.blobs()).map_err(Fail::from)
    });
    let import = read.await?;
    let organisation = import.head.organisation;
    let begin = transfer::Command::Begin {
        organisation,
        name: import.head.name.clone(),
        origin: import.head.origin.clone(),
        digest: import.digest,
    };
    call.submit_plain(Command::Transfer(begin)).await?;
    let n_people = admit_people(&call, organisation, &import).await?;
    let (mut n_items, mut left_out) = (0_u64, import.left_out);
    for item in import.items {
        let now = call.platform().now();
        if let Some(why) = call.read(|state| transfer::left_out(state, &item, now)) {
            left_out.push(left(&item, why));
            continue;
        }
        admit(&call, organisation, item).await?;
        n_items = n_items.saturating_add(1);
    }
    let is_shut = import.head.is_shut
        || call.read(|state| {
            state.organisations.get(&organisation).is_some_and(|o| o.sealed_at.is_some())
        });
    let administrator_key =
        if is_shut { Some(first_key(call.platform(), organisation).await?) } else { None };
    let finish = transfer::Command::Finish { organisation };
    call.submit_plain(Command::Transfer(finish)).await?;
    Ok(Imported {
        organisation,
        name: import.head.name,
        origin: import.head.origin,
        n_items,
        n_people,
        n_blobs: import.n_blobs,
        left_out,
        administrator_key,
        seq: call.read(as_of),
    })
}

/// What could not be taken in, and why.
fn left(item: &Event, why: transfer::LeftOut) -> LeftOut {
    let reason = match why {
        transfer::LeftOut::UserUnknown => "the user that it is about did not come",
        transfer::LeftOut::GroupUnknown => "the group that it is about did not come",
        transfer::LeftOut::ServiceAccountUnknown => {
            "the service account that it is about did not come"
        }
        transfer::LeftOut::RoleUnknown => "the custom role that it gives did not come",
        transfer::LeftOut::Ended => "it has ended",
    };
    LeftOut { id: item.subject().to_string(), reason: reason.to_owned() }
}

/// A key with which those whose organisation it is can begin: nobody of this platform may make one
/// for them once they have an administrator, and no secret of theirs came along.
async fn first_key(
    platform: &Platform,
    organisation: Id<kinds::Organisation>,
) -> Result<String, Fail> {
    let secret = token::fresh().map_err(|e| Fail::internal("no randomness for a key", &e))?;
    let name = "arrival".parse().map_err(|e| Fail::internal("a key cannot be named", &e))?;
    let create = key::Command::Create {
        name,
        scope: Scope::Organisation(organisation),
        role: Role::Administrator,
        secret_hash: token::hash(&secret),
        expires_at: Some(platform.now().plus(FIRST_KEY_LIFETIME)),
    };
    platform.submit(Actor::System, Submission::new(Command::Key(create))).await?;
    Ok(secret)
}

/// Receives the body into a file without a name.
async fn receive(call: &Call<OrganisationImport>) -> Result<std::fs::File, Fail> {
    let (limit, timeout) = (call.app.options.blob_bytes_max, call.app.options.body_timeout);
    let dir = call.platform().data_dir().to_path_buf();
    let failed = |error: std::io::Error| Fail::internal("an import cannot be kept", &error);
    let mut file = blocking_fail(move || tempfile::tempfile_in(dir).map_err(failed)).await?;
    let body = {
        let mut held = call.stream.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *held, Body::empty())
    };
    let (mut pieces, mut size) = (body.into_data_stream(), 0_u64);
    while let Some(piece) = tokio::time::timeout(timeout, pieces.next())
        .await
        .map_err(|_elapsed| serve::too_slow(timeout))?
    {
        let broken = |_| Fail::new(Code::InvalidBody, "the body broke off before its end");
        let piece = piece.map_err(broken)?;
        size = size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if size > limit {
            return Err(store::blob::BlobError::TooLarge { limit }.into());
        }
        file = blocking_fail(move || file.write_all(&piece).map(|()| file).map_err(failed)).await?;
    }
    file.rewind().map_err(failed)?;
    Ok(file)
}

async fn admit(
    call: &Call<OrganisationImport>,
    organisation: Id<kinds::Organisation>,
    item: Event,
) -> Result<(), Fail> {
    let admit = transfer::Command::Admit { organisation, item: Box::new(item) };
    call.submit_plain(Command::Transfer(admit)).await.map(|_| ())
}

/// Seals each person's data here, then admits the person with the commitment that this gives.
async fn admit_people(
    call: &Call<OrganisationImport>,
    home: Id<kinds::Organisation>,
    import: &Import,
) -> Result<u64, Fail> {
    let mut n_people = 0_u64;
    for (id, data, lookups) in &import.people {
        n_people = n_people.saturating_add(1);
        // A repeated import must not seal anew what the log has a commitment of.
        if call.read(|state| state.users.contains_key(id)) {
            continue;
        }
        let (app, id, data, lookups) = (Arc::clone(&call.app), *id, data.clone(), lookups.clone());
        let sealed = blocking_fail(move || {
            let pairs: Vec<(&str, &str)> =
                lookups.iter().map(|(purpose, value)| (purpose.as_str(), value.as_str())).collect();
            let vault = app.platform.vault();
            let sealed = vault.put(Tenant::Organisation(home), &id.to_string(), &data, &pairs);
            sealed.map_err(|error| Fail::internal("personal data cannot be sealed", &error))
        });
        let commitment = sealed.await?;
        let created = user::Event::Created { id, home: Some(home), commitment };
        admit(call, home, Event::User(created)).await?;
    }
    Ok(n_people)
}

impl From<ImportError> for Fail {
    fn from(error: ImportError) -> Self {
        let text = error.to_string();
        match error {
            ImportError::Blob(error) => error.into(),
            ImportError::Form(_) | ImportError::Io(_) => {
                let mut fail = Self::new(Code::InvalidBody, text.clone());
                fail.0.errors = vec![FieldError::new("", text)];
                fail
            }
        }
    }
}
