//! The device authorisation flow (RFC 8628) of the command line.
//!
//! The platform asks the provider and keeps the device code; the command line gets a handle, shows the
//! user code, and asks again until the person has agreed. A handle is good for one session, and is
//! asked about no more often than the provider allows.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderValue, header};
use openidconnect::{
    Scope, TokenResponse as _,
    core::{CoreClientAuthMethod, CoreDeviceAuthorizationResponse, CoreTokenResponse},
    url::form_urlencoded,
};
use serde::Deserialize;
use units::{Digest, DurationMicros, Id, UnixMicros, kinds};

use super::{Identity, Metadata, Oidc, OidcError, Provider, chain, client};
use crate::platform::token::hash;

/// Attempts that are under way.
const ATTEMPTS_MAX: usize = 4_096;
/// Longest that an attempt may take, whatever the provider says.
const LIFETIME_MAX: DurationMicros = DurationMicros::from_secs(1_800);
/// Added to the interval when the provider says `slow_down` (RFC 8628 §3.5).
const SLOW_DOWN: DurationMicros = DurationMicros::from_secs(5);
/// Least and most seconds between two questions to a provider.
const INTERVAL_S: (u64, u64) = (1, 60);

#[derive(Debug, Clone)]
struct Attempt {
    provider: Id<kinds::IdentityProvider>,
    device_code: String,
    interval: DurationMicros,
    next_at: UnixMicros,
    ends_at: UnixMicros,
}

/// Attempts by the hash of their handle.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<BTreeMap<Digest, Attempt>>);

/// What the person needs to see, and what the command line needs to ask with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceBegun {
    /// Asks about this attempt.
    pub(crate) handle: String,
    /// To be typed at the provider.
    pub(crate) user_code: String,
    /// Where.
    pub(crate) verification_uri: String,
    /// The same with the code in it, if the provider offers that.
    pub(crate) verification_uri_complete: Option<String>,
    /// Seconds between two questions.
    pub(crate) interval_s: u64,
    /// Seconds until the attempt is over.
    pub(crate) expires_in_s: u64,
}

/// How an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DevicePoll {
    /// Not yet; ask again after so many seconds.
    Pending(u64),
    /// Somebody has agreed.
    Done(Box<Identity>),
}

#[derive(Debug, Deserialize)]
struct TokenError {
    error: String,
}

impl Oidc {
    /// Begins an attempt.
    ///
    /// # Errors
    /// [`OidcError`] if the provider does not offer the flow or does not answer.
    pub(crate) fn begin_device(
        &self,
        now: UnixMicros,
        provider: &Provider,
    ) -> Result<DeviceBegun, OidcError> {
        let metadata = self.metadata(provider)?;
        let url = metadata.additional_metadata().device_authorization_endpoint.clone();
        let url = url.ok_or_else(|| {
            OidcError::Provider("does not offer the device flow: sign in on the console".to_owned())
        })?;
        let client = client(provider, &metadata).set_device_authorization_url(url);
        let scopes = provider.scopes.iter().filter(|scope| *scope != "openid");
        let request = client.exchange_device_code();
        let request = request.add_scopes(scopes.cloned().map(Scope::new));
        let answer: Result<CoreDeviceAuthorizationResponse, _> =
            request.request(&|r| self.http.call(r));
        let answer = answer.map_err(|error| {
            tracing::warn!(issuer = %provider.issuer, cause = %chain(&error), "no device code");
            OidcError::Provider("gives no device code".to_owned())
        })?;
        let interval_s = answer.interval().as_secs().clamp(INTERVAL_S.0, INTERVAL_S.1);
        let lifetime = DurationMicros::from_secs(answer.expires_in().as_secs()).min(LIFETIME_MAX);
        let interval = DurationMicros::from_secs(interval_s);
        let handle = self.devices.put(
            now,
            Attempt {
                provider: provider.id,
                device_code: answer.device_code().secret().clone(),
                interval,
                next_at: now.plus(interval),
                ends_at: now.plus(lifetime),
            },
        )?;
        let complete = answer.verification_uri_complete();
        Ok(DeviceBegun {
            handle,
            user_code: printable(answer.user_code().secret()),
            verification_uri: printable(answer.verification_uri()),
            verification_uri_complete: complete.map(|uri| printable(uri.secret())),
            interval_s,
            expires_in_s: lifetime.as_secs(),
        })
    }

    /// The provider that an attempt belongs to.
    pub(crate) fn device_provider(&self, handle: &str) -> Option<Id<kinds::IdentityProvider>> {
        let attempts = self.devices.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.get(&hash(handle)).map(|attempt| attempt.provider)
    }

    /// Asks how an attempt stands. Asked too early, the answer is "not yet" and nobody else is asked.
    ///
    /// # Errors
    /// [`OidcError`]; the attempt is then over.
    pub(crate) fn poll_device(
        &self,
        now: UnixMicros,
        provider: &Provider,
        handle: &str,
    ) -> Result<DevicePoll, OidcError> {
        let attempt = match self.devices.turn(now, handle)? {
            Turn::Early(seconds) => return Ok(DevicePoll::Pending(seconds)),
            Turn::Now(attempt) => attempt,
        };
        if attempt.provider != provider.id {
            return Err(OidcError::Attempt("this sign-in is unknown or over"));
        }
        let metadata = self.metadata(provider)?;
        let answer = self.ask_for_token(provider, &metadata, &attempt.device_code)?;
        let error = match answer {
            Ok(tokens) => {
                // Nobody gets a second session from one agreement.
                if !self.devices.end(handle) {
                    return Err(OidcError::Attempt("this sign-in is unknown or over"));
                }
                let token = tokens.id_token();
                let token = token.ok_or_else(|| OidcError::Token("none was sent".to_owned()))?;
                let identity = self.verify(provider, token, None)?;
                return Ok(DevicePoll::Done(Box::new(identity)));
            }
            Err(error) => error,
        };
        match error.error.as_str() {
            "authorization_pending" => Ok(DevicePoll::Pending(attempt.interval.as_secs())),
            "slow_down" => Ok(DevicePoll::Pending(self.devices.slow_down(now, handle))),
            other => {
                self.devices.end(handle);
                Err(match other {
                    "access_denied" => OidcError::Refused("access_denied".to_owned()),
                    "expired_token" => OidcError::Attempt("this sign-in has taken too long"),
                    _ => OidcError::Refused("it does not take its own device code back".to_owned()),
                })
            }
        }
    }

    /// One question at the token endpoint (RFC 8628 §3.4).
    fn ask_for_token(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        device_code: &str,
    ) -> Result<Result<CoreTokenResponse, TokenError>, OidcError> {
        let bad = || OidcError::Provider("gives no valid answer at its token endpoint".to_owned());
        let endpoint = metadata.token_endpoint();
        let endpoint =
            endpoint.ok_or_else(|| OidcError::Provider("names no token endpoint".to_owned()))?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        form.append_pair("device_code", device_code);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|m| m.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let mut request = http::Request::post(endpoint.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match &provider.client_secret {
            Some(secret) if basic => {
                let value = HeaderValue::try_from(basic_auth(&provider.client_id, secret));
                request = request.header(header::AUTHORIZATION, value.map_err(|_| bad())?);
            }
            secret => {
                form.append_pair("client_id", &provider.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret);
                }
            }
        }
        let request = request.body(form.finish().into_bytes()).map_err(|_| bad())?;
        let answer = self.http.call(request).map_err(|error| {
            tracing::warn!(issuer = %provider.issuer, cause = %chain(&error), "no tokens");
            bad()
        })?;
        if answer.status().is_success() {
            return serde_json::from_slice(answer.body()).map(Ok).map_err(|_| bad());
        }
        serde_json::from_slice(answer.body()).map(Err).map_err(|_| bad())
    }
}

/// Name and secret as RFC 6749 §2.3.1 wants them: form-encoded first.
fn basic_auth(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret))))
}

enum Turn {
    Early(u64),
    Now(Attempt),
}

impl Attempts {
    fn put(&self, now: UnixMicros, attempt: Attempt) -> Result<String, OidcError> {
        let mut handle = [0_u8; 32];
        getrandom::fill(&mut handle).map_err(|e| OidcError::Configuration(e.to_string()))?;
        let handle = URL_SAFE_NO_PAD.encode(handle);
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|_, attempt| now < attempt.ends_at);
        if attempts.len() >= ATTEMPTS_MAX {
            return Err(OidcError::Attempt("too many sign-ins are under way: try again later"));
        }
        attempts.insert(hash(&handle), attempt);
        Ok(handle)
    }

    /// Takes the turn of a question, so that two at the same time are not both asked.
    fn turn(&self, now: UnixMicros, handle: &str) -> Result<Turn, OidcError> {
        let over = OidcError::Attempt("this sign-in is unknown or over");
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(attempt) = attempts.get_mut(&hash(handle)) else { return Err(over) };
        if now >= attempt.ends_at {
            attempts.remove(&hash(handle));
            return Err(OidcError::Attempt("this sign-in has taken too long"));
        }
        let left = attempt.next_at.0.saturating_sub(now.0);
        if left > 0 {
            return Ok(Turn::Early(u64::try_from(left).unwrap_or(0).div_ceil(1_000_000)));
        }
        attempt.next_at = now.plus(attempt.interval);
        Ok(Turn::Now(attempt.clone()))
    }

    fn slow_down(&self, now: UnixMicros, handle: &str) -> u64 {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(attempt) = attempts.get_mut(&hash(handle)) else { return INTERVAL_S.1 };
        attempt.interval = DurationMicros(attempt.interval.0.saturating_add(SLOW_DOWN.0));
        attempt.next_at = now.plus(attempt.interval);
        attempt.interval.as_secs()
    }

    fn end(&self, handle: &str) -> bool {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.remove(&hash(handle)).is_some()
    }
}

/// What a terminal may be shown of another's text.
fn printable(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(512).collect()
}
