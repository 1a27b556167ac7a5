//! Sign-in at identity providers that organisations already have: OpenID Connect.
//!
//! A provider vouches for a person by an ID token, and a token counts only if its issuer, audience,
//! signature, times and nonce are right. What comes out is an [`Identity`]; what that may do here is
//! decided elsewhere. Everything in this module blocks and runs on threads that may.

mod code;
mod device;
mod http;
mod identity;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use openidconnect::{
    AdditionalProviderMetadata, AuthType, ClientId, ClientSecret, DeviceAuthorizationUrl,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
        CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
        CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

pub(crate) use code::{Returned, safe_path};
pub(crate) use device::DevicePoll;
pub(crate) use http::issuer_url;
pub(crate) use identity::Identity;

/// How long a provider's description and keys are used before they are read again.
const METADATA_AGE: Duration = Duration::from_secs(600);
/// Least time between two readings because of a key that is not known.
const REFRESH_GAP: Duration = Duration::from_secs(10);
/// Providers whose description is remembered.
const METADATA_MAX: usize = 256;

/// What the platform knows of a provider.
#[derive(Clone)]
pub(crate) struct Provider {
    /// Its id here.
    pub(crate) id: Id<kinds::IdentityProvider>,
    /// Its address, exactly as its tokens name it.
    pub(crate) issuer: String,
    /// Who we are there.
    pub(crate) client_id: String,
    /// What shows that we are; none for a public client.
    pub(crate) client_secret: Option<String>,
    /// Scopes asked for besides `openid`.
    pub(crate) scopes: Vec<String>,
    /// The claim with the person's groups.
    pub(crate) group_claim: String,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with its secret.
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why somebody could not be signed in. The texts name what to correct, never what a provider wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OidcError {
    /// The provider is described wrongly.
    #[error("{0}")]
    Configuration(String),
    /// It cannot be reached, or answers what a provider does not answer.
    #[error("the identity provider {0}")]
    Provider(String),
    /// The attempt is unknown, over, or of another browser.
    #[error("{0}")]
    Attempt(&'static str),
    /// The person or the provider said no.
    #[error("the identity provider refused the sign-in: {0}")]
    Refused(String),
    /// The ID token is not one that counts.
    #[error("the ID token is not accepted: {0}")]
    Token(String),
}

/// The part of a description that RFC 8628 §4 adds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct DeviceEndpoint {
    device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
}

impl AdditionalProviderMetadata for DeviceEndpoint {}

type Metadata = ProviderMetadata<
    DeviceEndpoint,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

#[derive(Debug, Clone)]
struct Known {
    metadata: Arc<Metadata>,
    read_at: Instant,
}

/// Sign-ins at providers, and what is remembered of them.
#[derive(Debug, Default)]
pub(crate) struct Oidc {
    http: http::Http,
    known: Mutex<BTreeMap<String, Known>>,
    codes: code::Attempts,
    devices: device::Attempts,
}

impl Oidc {
    /// The provider's description with its keys, at most [`METADATA_AGE`] old.
    fn metadata(&self, provider: &Provider) -> Result<Arc<Metadata>, OidcError> {
        let known = self.known_of(provider);
        match known.filter(|known| known.read_at.elapsed() < METADATA_AGE) {
            Some(known) => Ok(known.metadata),
            None => self.discover(provider),
        }
    }

    /// The description anew, because a token is signed with a key that the one known does not have;
    /// `None` if that was just read, for a wrong token must not make us ask again and again.
    fn refreshed(&self, provider: &Provider) -> Result<Option<Arc<Metadata>>, OidcError> {
        let known = self.known_of(provider);
        let fresh = known.is_some_and(|known| known.read_at.elapsed() < REFRESH_GAP);
        if fresh { Ok(None) } else { self.discover(provider).map(Some) }
    }

    /// What is remembered; nobody waits for a provider while others look.
    fn known_of(&self, provider: &Provider) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&provider.issuer).cloned()
    }

    fn discover(&self, provider: &Provider) -> Result<Arc<Metadata>, OidcError> {
        issuer_url(&provider.issuer)?;
        let issuer = IssuerUrl::new(provider.issuer.clone())
            .map_err(|error| OidcError::Configuration(error.to_string()))?;
        let metadata = Metadata::discover(&issuer, &|request| self.http.call(request));
        let metadata = metadata.map_err(|error| {
            tracing::warn!(issuer = %provider.issuer, cause = %chain(&error), "no description");
            OidcError::Provider(format!(
                "`{}` gives no valid description at `/.well-known/openid-configuration`",
                provider.issuer
            ))
        })?;
        require_safe_endpoints(&metadata)?;
        let metadata = Arc::new(metadata);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= METADATA_MAX && !known.contains_key(&provider.issuer) {
            known.clear();
        }
        let entry = Known { metadata: Arc::clone(&metadata), read_at: Instant::now() };
        known.insert(provider.issuer.clone(), entry);
        Ok(metadata)
    }
}

/// An https provider does not send us, or a person, elsewhere in the clear.
fn require_safe_endpoints(metadata: &Metadata) -> Result<(), OidcError> {
    let device = metadata.additional_metadata().device_authorization_endpoint.as_ref();
    let urls = [
        Some(metadata.authorization_endpoint().url()),
        metadata.token_endpoint().map(|url| url.url()),
        Some(metadata.jwks_uri().url()),
        device.map(|url| url.url()),
    ];
    for url in urls.into_iter().flatten() {
        http::require_safe(url).map_err(|why| {
            OidcError::Provider(format!("names an endpoint that is unsafe: {why}"))
        })?;
    }
    Ok(())
}

fn client(provider: &Provider, metadata: &Metadata) -> Client {
    let secret = provider.client_secret.clone().map(ClientSecret::new);
    let id = ClientId::new(provider.client_id.clone());
    let methods = metadata.token_endpoint_auth_methods_supported();
    let basic = methods.is_none_or(|m| m.contains(&CoreClientAuthMethod::ClientSecretBasic));
    let auth = if basic { AuthType::BasicAuth } else { AuthType::RequestBody };
    CoreClient::from_provider_metadata(metadata.clone(), id, secret).set_auth_type(auth)
}

/// An error with its causes, for the platform's own log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.chars().take(400).collect()
}

#[cfg(test)]
mod tests;
