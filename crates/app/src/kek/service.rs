//! A key management service over HTTP: two calls, `wrap` and `unwrap`, as `docs/guides/external-keys.md`
//! describes them. Its no is a no: nothing here may go on with a key that it withholds, beyond a minute.

use std::{fmt, path::Path, time::Duration};

use api::client::{is_loopback_number, outgoing};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::vault::{KeyEncryption, KeyError, Secret, Wrapped};
use ureq::{
    Agent,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};
use zeroize::Zeroizing;

/// The variable with the token that the service wants, if it wants one.
pub(crate) const TOKEN_VARIABLE: &str = "COCARDE_KMS_TOKEN";

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long an opened key is used without asking again, and so how late a refusal is felt.
const KEEP: Duration = Duration::from_secs(60);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Most characters of a refusal that are repeated.
const REASON_CHARS_MAX: usize = 200;

#[derive(Debug, Serialize)]
struct WrapAsk<'a> {
    context: String,
    plaintext: &'a str,
}

#[derive(Debug, Deserialize)]
struct WrapAnswer {
    key_id: String,
    ciphertext: String,
}

#[derive(Debug, Serialize)]
struct UnwrapAsk<'a> {
    key_id: &'a str,
    context: String,
    ciphertext: String,
}

/// Its text is a secret: it has no `Debug`.
#[derive(Deserialize)]
struct UnwrapAnswer {
    plaintext: String,
}

/// A service that wraps and unwraps.
pub(crate) struct Service {
    agent: Agent,
    base: String,
    authorization: Option<Zeroizing<String>>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Service {
    /// A service at `address`, over TLS with a certificate from one of the authorities in `ca`, or in
    /// clear on this machine's own loopback.
    ///
    /// # Errors
    /// If the address would send keys over a network in clear, or no authority is named.
    pub(crate) fn new(
        address: &str,
        ca: Option<&Path>,
        token: Option<Zeroizing<String>>,
    ) -> Result<Self, KeyError> {
        let base = address.trim_end_matches('/').to_owned();
        let unusable = |reason: &str| KeyError::Unusable {
            place: format!("key service `{base}`"),
            reason: reason.to_owned(),
        };
        let mut config = outgoing().timeout_global(Some(TIMEOUT));
        if base.starts_with("https://") {
            let ca = ca.ok_or_else(|| {
                unusable(
                    "needs `--kek-ca FILE`: the only authorities that its certificate may be from",
                )
            })?;
            let tls = TlsConfig::builder().root_certs(authorities(ca)?).build();
            config = config.tls_config(tls).https_only(true);
            if is_loopback_number(&base) {
                // A proxy of the environment cannot reach this machine's own loopback.
                config = config.proxy(None);
            }
        } else if base.starts_with("http://") && is_loopback_number(&base) {
            config = config.proxy(None);
        } else {
            return Err(unusable("would get keys in clear: use `https://`"));
        }
        let authorization = token.map(|token| Zeroizing::new(format!("Bearer {}", token.trim())));
        Ok(Self { agent: config.build().into(), base, authorization })
    }

    fn call<T: DeserializeOwned>(&self, verb: &str, ask: &impl Serialize) -> Result<T, KeyError> {
        let unreachable = |reason: String| KeyError::Unreachable { key: self.base.clone(), reason };
        let mut request = self.agent.post(format!("{}/{verb}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization.as_str());
        }
        let body = Zeroizing::new(
            serde_json::to_vec(ask).map_err(|error| unreachable(error.to_string()))?,
        );
        let sent = request.header("Content-Type", "application/json").send(body.as_slice());
        let mut answer = sent.map_err(|error| unreachable(why(&error)))?;
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let bytes = Zeroizing::new(read.map_err(|error| unreachable(error.to_string()))?);
        match status {
            200 => serde_json::from_slice(&bytes)
                .map_err(|error| unreachable(format!("its answer is not understood: {error}"))),
            400..=499 => {
                let text: String =
                    String::from_utf8_lossy(&bytes).chars().take(REASON_CHARS_MAX).collect();
                let reason = format!("status {status} {}", text.trim());
                Err(KeyError::Refused { key: self.base.clone(), reason })
            }
            other => Err(unreachable(format!("it answers with status {other}"))),
        }
    }

    fn not_a_key(&self) -> KeyError {
        KeyError::Unreachable {
            key: self.base.clone(),
            reason: "what it gives is not base64 of the right length".to_owned(),
        }
    }
}

impl KeyEncryption for Service {
    fn wrap(&self, context: &[u8], key: &Secret) -> Result<Wrapped, KeyError> {
        let plaintext = Zeroizing::new(STANDARD.encode(key.as_slice()));
        let ask = WrapAsk { context: STANDARD.encode(context), plaintext: &plaintext };
        let answer: WrapAnswer = self.call("wrap", &ask)?;
        let bytes = STANDARD.decode(&answer.ciphertext).map_err(|_| self.not_a_key())?;
        Ok(Wrapped { key_id: answer.key_id, bytes })
    }

    fn unwrap(&self, context: &[u8], wrapped: &Wrapped) -> Result<Secret, KeyError> {
        let ask = UnwrapAsk {
            key_id: &wrapped.key_id,
            context: STANDARD.encode(context),
            ciphertext: STANDARD.encode(&wrapped.bytes),
        };
        let answer: UnwrapAnswer = self.call("unwrap", &ask)?;
        let text = Zeroizing::new(answer.plaintext);
        let bytes = STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| self.not_a_key())?;
        bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| self.not_a_key())
    }

    fn keep_unwrapped(&self) -> Duration {
        KEEP
    }

    fn is_service(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("key service {}", self.base)
    }
}

/// Why there is no connection; for a certificate, what it would have to be.
fn why(error: &ureq::Error) -> String {
    let text = error.to_string();
    if text.contains("certificate") {
        let wanted = "it must be valid now, for this name, and from an authority in `--kek-ca`";
        return format!("its certificate is refused ({text}): {wanted}");
    }
    text
}

/// The certificates of a PEM file, as the only roots.
fn authorities(file: &Path) -> Result<RootCerts, KeyError> {
    let unusable =
        |reason: String| KeyError::Unusable { place: format!("file `{}`", file.display()), reason };
    let bytes =
        std::fs::read(file).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let mut roots = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| unusable(format!("is not PEM: {error}")))?
        {
            roots.push(certificate);
        }
    }
    if roots.is_empty() {
        return Err(unusable("holds no certificate: give the authority's in PEM".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&roots))
}
