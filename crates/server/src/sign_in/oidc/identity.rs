//! What a verified ID token says of a person.
//!
//! Only claims of a token that was verified are read, from the very bytes that were signed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    ClaimsVerificationError, Nonce,
    core::{CoreIdToken, CoreJwsSigningAlgorithm},
};
use serde_json::Value;

use super::{Client, Oidc, OidcError, Provider, chain, client};

/// Groups of one person that are looked at.
const GROUPS_MAX: usize = 500;
/// Longest text taken over from a claim, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Signatures that count: those that only the provider can make.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A person as a provider vouches for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Who vouches.
    pub(crate) issuer: String,
    /// Who it is, in the issuer's own words, for ever.
    pub(crate) subject: String,
    /// For people; may change.
    pub(crate) name: Option<String>,
    /// An address that the provider has not called unverified; may change.
    pub(crate) email: Option<String>,
    /// The groups that the provider says they are in.
    pub(crate) groups: Vec<String>,
}

impl Oidc {
    /// Verifies a token: issuer, audience, signature, expiry, and the nonce if one was asked for.
    pub(super) fn verify(
        &self,
        provider: &Provider,
        token: &CoreIdToken,
        nonce: Option<&Nonce>,
    ) -> Result<Identity, OidcError> {
        let metadata = self.metadata(provider)?;
        let mut outcome = check(&client(provider, &metadata), token, nonce);
        // The provider may have begun to sign with a new key since its keys were read.
        if let Err(ClaimsVerificationError::SignatureVerification(_)) = &outcome
            && let Some(metadata) = self.refreshed(provider)?
        {
            outcome = check(&client(provider, &metadata), token, nonce);
        }
        outcome.map_err(|error| {
            tracing::warn!(issuer = %provider.issuer, cause = %chain(&error), "ID token refused");
            OidcError::Token(reason(&error).to_owned())
        })?;
        let payload = payload(token)?;
        Ok(of(&payload, &provider.group_claim))
    }
}

fn check(
    client: &Client,
    token: &CoreIdToken,
    nonce: Option<&Nonce>,
) -> Result<(), ClaimsVerificationError> {
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    match nonce {
        Some(nonce) => token.claims(&verifier, nonce).map(|_| ()),
        // The device flow has no nonce: the answer came to our own request, over TLS.
        None => token.claims(&verifier, |_: Option<&Nonce>| Ok(())).map(|_| ()),
    }
}

/// What is told; the details are in the platform's own log.
const fn reason(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "it has expired",
        ClaimsVerificationError::InvalidAudience(_) => "it is for somebody else (audience)",
        ClaimsVerificationError::InvalidIssuer(_) => "it is from somebody else (issuer)",
        ClaimsVerificationError::InvalidNonce(_) => "it is of another sign-in (nonce)",
        ClaimsVerificationError::SignatureVerification(_) => "its signature is not the issuer's",
        _ => "it is not valid",
    }
}

/// The signed claims as they are written.
fn payload(token: &CoreIdToken) -> Result<Value, OidcError> {
    let text = token.to_string();
    let part = text.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(part).ok();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| OidcError::Token("it cannot be read".to_owned()))
}

fn of(claims: &Value, group_claim: &str) -> Identity {
    let text = |name: &str| {
        let text = claims.get(name)?.as_str()?.trim();
        (!text.is_empty() && text.len() <= TEXT_BYTES_MAX).then(|| text.to_owned())
    };
    let whole =
        |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let unverified = claims.get("email_verified").and_then(Value::as_bool) == Some(false);
    Identity {
        issuer: whole("iss"),
        subject: whole("sub"),
        name: text("name").or_else(|| text("preferred_username")),
        email: text("email").filter(|_| !unverified),
        groups: groups(claims, group_claim),
    }
}

/// A claim by its name, or by a path with points, as `realm_access.roles`.
fn groups(claims: &Value, name: &str) -> Vec<String> {
    let by_path = || name.split('.').try_fold(claims, |value, part| value.get(part));
    let found = claims.get(name).or_else(by_path);
    let list = match found {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => &[],
    };
    let texts = list.iter().filter_map(Value::as_str);
    let texts = texts.filter(|text| !text.is_empty() && text.len() <= TEXT_BYTES_MAX);
    texts.take(GROUPS_MAX).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_read_with_care() {
        let claims = json!({
            "iss": "https://a.test", "sub": "42", "name": " Ada ", "email": "ada@a.test",
            "groups": ["staff", 7, "", "x".repeat(300)], "realm_access": { "roles": "admins" },
        });
        let identity = of(&claims, "groups");
        assert_eq!(identity.name.as_deref(), Some("Ada"));
        assert_eq!(identity.email.as_deref(), Some("ada@a.test"));
        assert_eq!(identity.groups, ["staff"]);
        assert_eq!(of(&claims, "realm_access.roles").groups, ["admins"]);
        assert!(of(&claims, "absent").groups.is_empty());
        let unverified = json!({ "email": "a@b.test", "email_verified": false });
        assert_eq!(of(&unverified, "groups").email, None);
        let many = json!({ "groups": vec!["g"; 10_000] });
        assert_eq!(of(&many, "groups").groups.len(), GROUPS_MAX);
    }
}
