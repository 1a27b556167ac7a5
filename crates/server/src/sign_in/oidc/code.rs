//! The authorisation code flow of the console, with PKCE, state and nonce.
//!
//! An attempt belongs to the browser that began it: a cookie that only that browser has must come back
//! with the state. Each attempt is used once and forgotten after ten minutes.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, CsrfToken, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _,
    core::CoreAuthenticationFlow,
};
use units::{Digest, DurationMicros, Id, UnixMicros, kinds};

use super::{Identity, Oidc, OidcError, Provider, chain, client};
use crate::platform::token::hash;

/// How long a person may take at the provider.
pub(crate) const ATTEMPT_LIFETIME: DurationMicros = DurationMicros::from_secs(600);
/// Attempts that are under way; the oldest is forgotten first.
const ATTEMPTS_MAX: usize = 10_000;
/// Longest code or state that is looked at, in bytes.
const PARAMETER_BYTES_MAX: usize = 4_096;
/// Longest path to return to, in bytes.
const PATH_BYTES_MAX: usize = 512;

/// An attempt under way.
#[derive(Debug)]
struct Attempt {
    provider: Id<kinds::IdentityProvider>,
    browser: Digest,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    redirect_uri: RedirectUrl,
    return_to: String,
    at: UnixMicros,
}

/// Attempts by the hash of their state.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<(BTreeMap<Digest, Attempt>, VecDeque<Digest>)>);

impl Attempts {
    fn put(&self, state: &str, attempt: Attempt) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (by_state, order) = &mut *guard;
        while order.len() >= ATTEMPTS_MAX {
            if let Some(oldest) = order.pop_front() {
                by_state.remove(&oldest);
            }
        }
        by_state.insert(hash(state), attempt);
        order.push_back(hash(state));
    }

    /// Each state is good for one return.
    fn take(&self, state: &str) -> Option<Attempt> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.0.remove(&hash(state))
    }

    fn provider_of(&self, state: &str) -> Option<Id<kinds::IdentityProvider>> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.0.get(&hash(state)).map(|attempt| attempt.provider)
    }
}

/// A person on the way to the provider.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Where to send the browser.
    pub(crate) url: String,
    /// What only this browser keeps until it returns.
    pub(crate) browser_secret: String,
}

/// What a browser brings back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Returned<'a> {
    /// `state`.
    pub(crate) state: &'a str,
    /// `code`, unless the provider refused.
    pub(crate) code: Option<&'a str>,
    /// `error`, if it did.
    pub(crate) error: Option<&'a str>,
    /// `iss` (RFC 9207), if the provider names itself.
    pub(crate) issuer: Option<&'a str>,
    /// The cookie of the browser.
    pub(crate) browser_secret: Option<&'a str>,
}

impl Oidc {
    /// Begins an attempt. `redirect_uri` is where the provider sends the browser back to, and
    /// `return_to` a path of the console.
    ///
    /// # Errors
    /// [`OidcError`] if the provider is described wrongly or does not answer.
    pub(crate) fn begin(
        &self,
        now: UnixMicros,
        provider: &Provider,
        redirect_uri: &str,
        return_to: &str,
    ) -> Result<Begun, OidcError> {
        let metadata = self.metadata(provider)?;
        let redirect_uri = RedirectUrl::new(redirect_uri.to_owned())
            .map_err(|error| OidcError::Configuration(error.to_string()))?;
        let client = client(provider, &metadata).set_redirect_uri(redirect_uri.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = provider.scopes.iter().filter(|scope| *scope != "openid");
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(scopes.cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        let mut secret = [0_u8; 32];
        getrandom::fill(&mut secret).map_err(|e| OidcError::Configuration(e.to_string()))?;
        let browser_secret = URL_SAFE_NO_PAD.encode(secret);
        let attempt = Attempt {
            provider: provider.id,
            browser: hash(&browser_secret),
            nonce,
            verifier,
            redirect_uri,
            return_to: safe_path(return_to).to_owned(),
            at: now,
        };
        self.codes.put(state.secret(), attempt);
        Ok(Begun { url: url.to_string(), browser_secret })
    }

    /// The provider that a state belongs to.
    pub(crate) fn provider_of(&self, state: &str) -> Option<Id<kinds::IdentityProvider>> {
        if state.len() > PARAMETER_BYTES_MAX { None } else { self.codes.provider_of(state) }
    }

    /// Ends an attempt: who came back, and which page they wanted.
    ///
    /// # Errors
    /// [`OidcError`]; the attempt is over in any case.
    pub(crate) fn complete(
        &self,
        now: UnixMicros,
        provider: &Provider,
        returned: Returned<'_>,
    ) -> Result<(Identity, String), OidcError> {
        let attempt = self.codes.take(returned.state);
        let attempt = attempt.filter(|attempt| attempt.provider == provider.id);
        let attempt = attempt.ok_or(OidcError::Attempt("this sign-in is unknown or was used"))?;
        if now >= attempt.at.plus(ATTEMPT_LIFETIME) {
            return Err(OidcError::Attempt("this sign-in has taken too long"));
        }
        if returned.browser_secret.map(hash) != Some(attempt.browser) {
            return Err(OidcError::Attempt("this sign-in was begun in another browser"));
        }
        if returned.issuer.is_some_and(|issuer| issuer != provider.issuer) {
            return Err(OidcError::Attempt("another provider than the one asked has answered"));
        }
        if let Some(error) = returned.error {
            return Err(OidcError::Refused(known_error(error).to_owned()));
        }
        let code = returned.code.filter(|code| code.len() <= PARAMETER_BYTES_MAX);
        let code = code.ok_or(OidcError::Attempt("the provider has sent no code"))?;
        let return_to = attempt.return_to.clone();
        Ok((self.exchange(provider, code, attempt)?, return_to))
    }

    fn exchange(
        &self,
        provider: &Provider,
        code: &str,
        attempt: Attempt,
    ) -> Result<Identity, OidcError> {
        let Attempt { nonce, verifier, redirect_uri, .. } = attempt;
        let metadata = self.metadata(provider)?;
        let client = client(provider, &metadata).set_redirect_uri(redirect_uri);
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| OidcError::Provider("names no token endpoint".to_owned()))?;
        let answer = request.set_pkce_verifier(verifier).request(&|r| self.http.call(r));
        let answer = answer.map_err(|error| {
            tracing::warn!(issuer = %provider.issuer, cause = %chain(&error), "no tokens");
            match error {
                RequestTokenError::ServerResponse(_) => {
                    OidcError::Refused("it does not take its own code back".to_owned())
                }
                RequestTokenError::Request(_)
                | RequestTokenError::Parse(..)
                | RequestTokenError::Other(_) => {
                    OidcError::Provider("gives no valid answer at its token endpoint".to_owned())
                }
            }
        })?;
        let token = answer.id_token();
        let token = token.ok_or_else(|| OidcError::Token("none was sent".to_owned()))?;
        let identity = self.verify(provider, token, Some(&nonce))?;
        // Where the ID token names the access token by its hash, both must be of one answer.
        let verifier = client.id_token_verifier();
        let claims = token.claims(&verifier, |_: Option<&Nonce>| Ok(()));
        if let Ok(Some(expected)) = claims.map(|claims| claims.access_token_hash()) {
            let actual = token.signing_alg().ok().and_then(|algorithm| {
                let key = token.signing_key(&verifier).ok()?;
                AccessTokenHash::from_token(answer.access_token(), algorithm, key).ok()
            });
            if actual.as_ref() != Some(expected) {
                return Err(OidcError::Token("it came with another access token".to_owned()));
            }
        }
        Ok(identity)
    }
}

/// One of the errors that RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6 name: nothing else that a
/// query carries is shown.
fn known_error(error: &str) -> &'static str {
    const KNOWN: [&str; 11] = [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    ];
    KNOWN.into_iter().find(|known| *known == error).unwrap_or("unknown error")
}

/// A path of this console, or the front page for anything else: never another site.
pub(crate) fn safe_path(text: &str) -> &str {
    let mut bytes = text.bytes();
    let own = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    // A browser reads `\` as `/` and drops tabs and line breaks.
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    // A key in a path leads nowhere, and is not to be repeated.
    let tells = matches!(api::secret_text::hide_secrets(text), std::borrow::Cow::Owned(_));
    if own && plain && !tells && text.len() <= PATH_BYTES_MAX { text } else { "/" }
}
