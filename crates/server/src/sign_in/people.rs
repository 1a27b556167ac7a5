//! What is known of people: sealed in the vault under the id that the log knows them by.
//!
//! Names, addresses, identities at providers and password hashes are nowhere else. A person is found by
//! keyed hashes of what they type, which the vault keeps; nothing here goes into the log but the
//! commitment that the vault answers.

use serde::{Deserialize, Serialize};
use store::{Vault, VaultError, vault::Tenant};
use units::{Digest, Id, kinds};

/// Longest text of a person, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 256;

/// Finds by the name that they sign in with.
const USER_NAME: &str = "user_name";
/// Finds by their address.
const EMAIL: &str = "email";
/// Finds by issuer and subject.
const IDENTITY: &str = "identity";
/// Finds by the id that a directory gave them.
const EXTERNAL_ID: &str = "external_id";

/// Where somebody is known by a subject.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AtProvider {
    /// Who vouches.
    pub(crate) issuer: String,
    /// Who it is there.
    pub(crate) subject: String,
}

/// A person's record.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    /// What they sign in with; unique in their home.
    pub(crate) user_name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Their address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// The id that a directory gave them (SCIM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    /// Who they are at a provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_provider: Option<AtProvider>,
    /// Their password's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with anything of the person.
        f.debug_struct("Person").finish_non_exhaustive()
    }
}

/// Why a record cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeopleError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The record is of a form that is not known.
    #[error("a person's record cannot be read: {0}")]
    Record(#[from] serde_json::Error),
    /// Somebody else has this name in the same home.
    #[error("this user name is taken")]
    NameTaken,
}

/// Whose people are meant.
pub(crate) type Home = Option<Id<kinds::Organisation>>;

/// The tenant of the vault that a home's people are sealed under.
pub(crate) fn tenant_of(home: Home) -> Tenant {
    home.map_or(Tenant::Platform, Tenant::Organisation)
}

/// A person's record; `None` if it was erased.
///
/// # Errors
/// [`PeopleError`].
pub(crate) fn load(
    vault: &Vault,
    home: Home,
    id: Id<kinds::User>,
) -> Result<Option<Person>, PeopleError> {
    let plain = vault.get(tenant_of(home), &id.to_string())?;
    Ok(plain.map(|plain| serde_json::from_slice(&plain)).transpose()?)
}

/// Seals a person's record in place of the earlier one; answers the commitment for the log.
///
/// # Errors
/// [`PeopleError::NameTaken`] if somebody else of that home has the user name.
pub(crate) fn store(
    vault: &Vault,
    home: Home,
    id: Id<kinds::User>,
    person: &Person,
) -> Result<Digest, PeopleError> {
    let owner = by_user_name(vault, home, &person.user_name)?;
    if owner.is_some_and(|owner| owner != id) {
        return Err(PeopleError::NameTaken);
    }
    let mut lookups = vec![(USER_NAME, folded(&person.user_name))];
    lookups.extend(person.email.as_ref().map(|email| (EMAIL, folded(email))));
    lookups.extend(person.external_id.clone().map(|id| (EXTERNAL_ID, id)));
    lookups.extend(person.at_provider.as_ref().map(|at| (IDENTITY, identity(at))));
    let lookups: Vec<(&str, &str)> = lookups.iter().map(|(p, v)| (*p, v.as_str())).collect();
    let plain = serde_json::to_vec(person)?;
    Ok(vault.put(tenant_of(home), &id.to_string(), &plain, &lookups)?)
}

/// Who signs in with this name.
///
/// # Errors
/// [`PeopleError`].
pub(crate) fn by_user_name(
    vault: &Vault,
    home: Home,
    name: &str,
) -> Result<Option<Id<kinds::User>>, PeopleError> {
    found(vault.find(tenant_of(home), USER_NAME, &folded(name))?)
}

/// Who has this address.
///
/// # Errors
/// [`PeopleError`].
pub(crate) fn by_email(
    vault: &Vault,
    home: Home,
    email: &str,
) -> Result<Option<Id<kinds::User>>, PeopleError> {
    found(vault.find(tenant_of(home), EMAIL, &folded(email))?)
}

/// Who has this id in a directory.
///
/// # Errors
/// [`PeopleError`].
pub(crate) fn by_external_id(
    vault: &Vault,
    home: Home,
    id: &str,
) -> Result<Option<Id<kinds::User>>, PeopleError> {
    found(vault.find(tenant_of(home), EXTERNAL_ID, id)?)
}

/// Who this is at a provider.
///
/// # Errors
/// [`PeopleError`].
pub(crate) fn by_identity(
    vault: &Vault,
    home: Home,
    at: &AtProvider,
) -> Result<Option<Id<kinds::User>>, PeopleError> {
    found(vault.find(tenant_of(home), IDENTITY, &identity(at))?)
}

fn found(subject: Option<String>) -> Result<Option<Id<kinds::User>>, PeopleError> {
    // A subject of another sort has no name to sign in with.
    Ok(subject.and_then(|subject| subject.parse().ok()))
}

/// Names and addresses are compared without case, as people type them.
fn folded(text: &str) -> String {
    text.trim().to_lowercase().chars().take(TEXT_BYTES_MAX).collect()
}

/// Issuer and subject with their lengths, so that no two pairs read the same.
fn identity(at: &AtProvider) -> String {
    format!("{}:{}:{}", at.issuer.len(), at.issuer, at.subject).chars().take(500).collect()
}
