//! What is known of a person: sealed in the vault under the user's id, never in the log.
//!
//! Whoever adds a field here gives it a default, so that what was sealed earlier still opens.

use std::sync::Arc;

use api::problem::Code;
use serde::{Deserialize, Serialize};
use store::{VaultError, vault::Tenant};
use units::{Digest, Id, kinds};

use super::{App, blobs::blocking_fail, fail::Fail};

/// Purposes by which a person is found again.
pub(crate) mod purpose {
    /// The e-mail address in lower case.
    pub(crate) const EMAIL: &str = "email";
    /// The name that they sign in with, in lower case.
    pub(crate) const USER_NAME: &str = "user_name";
    /// The id that a directory gave them (SCIM).
    pub(crate) const EXTERNAL_ID: &str = "external_id";
    /// Issuer and subject at an identity provider, with a space between: neither has one.
    pub(crate) const IDENTITY: &str = "identity";
}

/// Longest name of a person, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Longest e-mail address (RFC 5321 §4.5.3.1.3, less the brackets).
const EMAIL_BYTES_MAX: usize = 254;

/// What is known of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    /// What people call them.
    pub(crate) name: String,
    /// Where mail reaches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// What they sign in with, if it is not their address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_name: Option<String>,
    /// The id that a directory gave them (SCIM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    /// The hash of their password, as PHC text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    /// Issuer and subject at identity providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) identities: Vec<(String, String)>,
}

/// A person's data as it may travel: a hash of a password can be tried at leisure by whoever holds the file.
///
/// # Errors
/// If it is not a person's data.
pub(crate) fn without_password(data: &[u8]) -> serde_json::Result<Vec<u8>> {
    let person: Person = serde_json::from_slice(data)?;
    serde_json::to_vec(&Person { password: None, ..person })
}

/// Whose people: an organisation's, or the platform's own.
pub(crate) type Home = Option<Id<kinds::Organisation>>;

impl Person {
    /// Somebody with a name and perhaps an address.
    ///
    /// # Errors
    /// 422 for a name or address that cannot be one.
    pub(crate) fn new(name: &str, email: Option<&str>) -> Result<Self, Fail> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || has_control(name) {
            let message = format!("the name needs 1 to {NAME_CHARS_MAX} characters of one line");
            return Err(Fail::field("/name", message));
        }
        let email = email.map(str::trim).map(|email| {
            let parts = email.split_once('@');
            let sound = parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
            let plain = !has_control(email) && !email.contains(char::is_whitespace);
            if sound && plain && email.len() <= EMAIL_BYTES_MAX {
                return Ok(email.to_owned());
            }
            Err(Fail::field("/email", "is no address: write for example `ada@example.org`"))
        });
        Ok(Self { name: name.to_owned(), email: email.transpose()?, ..Self::default() })
    }

    fn lookups(&self) -> Vec<(&'static str, String)> {
        let email = self.email.iter().map(|email| (purpose::EMAIL, email.to_lowercase()));
        let at = |(issuer, subject): &(String, String)| format!("{issuer} {subject}");
        let identities = self.identities.iter().map(|one| (purpose::IDENTITY, at(one)));
        let user_name = self.user_name.iter().map(|name| (purpose::USER_NAME, name.to_lowercase()));
        let external = self.external_id.iter().map(|id| (purpose::EXTERNAL_ID, id.clone()));
        email.chain(user_name).chain(external).chain(identities).collect()
    }
}

fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
}

/// Seals what is known of a user and gives the commitment for the log.
///
/// # Errors
/// 409 if somebody else of the organisation has the address; 503 if the key is withheld.
pub(crate) async fn seal(
    app: &Arc<App>,
    home: Home,
    id: Id<kinds::User>,
    person: Person,
) -> Result<Digest, Fail> {
    let app = Arc::clone(app);
    blocking_fail(move || {
        let plain = serde_json::to_vec(&person)
            .map_err(|error| Fail::internal("personal data could not be written", &error))?;
        let lookups = person.lookups();
        let lookups: Vec<(&str, &str)> = lookups.iter().map(|(p, v)| (*p, v.as_str())).collect();
        let sealed =
            app.platform.vault().put(Tenant::from(home), &id.to_string(), &plain, &lookups);
        sealed.map_err(|error| vault_fail(&error))
    })
    .await
}

/// Opens what is known of users; nothing for whom nothing is kept.
///
/// # Errors
/// 503 if the key is withheld.
pub(crate) async fn open(
    app: &Arc<App>,
    users: Vec<(Home, Id<kinds::User>)>,
) -> Result<Vec<Option<Person>>, Fail> {
    let app = Arc::clone(app);
    blocking_fail(move || {
        let one = |(home, id): (Home, Id<kinds::User>)| {
            let plain = app.platform.vault().get(Tenant::from(home), &id.to_string());
            let plain = plain.map_err(|error| vault_fail(&error))?;
            let read = |plain: Vec<u8>| serde_json::from_slice(&plain);
            let person = plain.map(read).transpose();
            person.map_err(|error| Fail::internal("personal data cannot be read", &error))
        };
        users.into_iter().map(one).collect()
    })
    .await
}

/// The same of one user.
///
/// # Errors
/// As [`open`].
pub(crate) async fn open_one(
    app: &Arc<App>,
    home: Home,
    id: Id<kinds::User>,
) -> Result<Option<Person>, Fail> {
    Ok(open(app, vec![(home, id)]).await?.pop().flatten())
}

/// The user of a home who is found by this value, if the log knows them.
///
/// # Errors
/// 503 if the key is withheld.
pub(crate) async fn find(
    app: &Arc<App>,
    home: Home,
    purpose: &'static str,
    value: String,
) -> Result<Option<Id<kinds::User>>, Fail> {
    let app = Arc::clone(app);
    blocking_fail(move || {
        let found = app.platform.vault().find(Tenant::from(home), purpose, &value);
        let found = found.map_err(|error| vault_fail(&error))?;
        let id: Option<Id<kinds::User>> = found.and_then(|subject| subject.parse().ok());
        Ok(id.filter(|id| app.platform.read(|state| state.users.contains_key(id))))
    })
    .await
}

/// Forgets what was sealed for a user that the log never took.
pub(crate) async fn forget(app: &Arc<App>, home: Home, id: Id<kinds::User>) {
    let app = Arc::clone(app);
    let erased = blocking_fail(move || {
        let erased = app.platform.vault().erase(Tenant::from(home), &id.to_string());
        erased.map_err(|error| vault_fail(&error))
    });
    if let Err(error) = erased.await {
        tracing::warn!(user.id = %id, code = ?error.code(), "sealed data of {id} is left over");
    }
}

pub(crate) fn vault_fail(error: &VaultError) -> Fail {
    match error {
        VaultError::LookupTaken { purpose, .. } => {
            Fail::new(Code::NameTaken, format!("somebody of this organisation has this {purpose}"))
                .remedy("use the user who has it, or give another")
        }
        VaultError::Key { .. } | VaultError::Full => {
            tracing::error!(%error, "the vault cannot be used");
            Fail::new(Code::Unavailable, "personal data cannot be read or written now")
                .remedy("ask the operator: the key of the vault or its disk is out of reach")
        }
        other => Fail::internal("personal data cannot be used", other),
    }
}
