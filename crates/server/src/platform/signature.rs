//! OpenSSF model signatures (OMS 1.0, key method), so that anyone can check a model offline with
//! `model_signing verify key`.
//!
//! A signature is a Sigstore bundle v0.3 around a DSSE envelope around an in-toto statement that
//! lists each file's SHA-256. It is written from digests: the files are not read again.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use p256::{
    ecdsa::{
        Signature, SigningKey, VerifyingKey,
        signature::{Signer as _, Verifier as _},
    },
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
        LineEnding,
    },
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use units::Digest;

/// Media type of a Sigstore bundle.
const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Payload type of an in-toto statement in a DSSE envelope.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Predicate type of the model signing specification.
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";

/// Why a signature cannot be made or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The key file is not a P-256 key in PKCS#8 PEM.
    #[error(
        "the model signing key is not a P-256 key in PKCS#8 PEM: restore `model-signing.key` from a backup"
    )]
    Key,
    /// The bundle is not of the expected shape.
    #[error("the signature bundle is malformed: {0}")]
    Malformed(&'static str),
    /// The cryptographic check failed.
    #[error("the signature does not match its key or content")]
    Invalid,
    /// The files are not those that were signed.
    #[error("file `{0}` differs from what was signed, or is missing, or was added")]
    File(String),
}

/// One signed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedFile {
    /// Path in the model folder, with `/`.
    pub path: String,
    /// SHA-256 of its content.
    pub digest: Digest,
}

/// The platform's key for model signatures.
#[derive(Clone)]
pub struct ModelSigner {
    key: SigningKey,
}

impl std::fmt::Debug for ModelSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ModelSigner(secret)")
    }
}

impl ModelSigner {
    /// Makes a key from 32 random bytes; `None` for the rare bytes that are no scalar.
    #[must_use]
    pub fn from_random(bytes: &[u8; 32]) -> Option<Self> {
        SigningKey::from_slice(bytes).ok().map(|key| Self { key })
    }

    /// Reads a key from PKCS#8 PEM.
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, SignatureError> {
        let secret = p256::SecretKey::from_pkcs8_pem(pem).map_err(|_| SignatureError::Key)?;
        Ok(Self { key: SigningKey::from(secret) })
    }

    /// The key in PKCS#8 PEM; secret.
    ///
    /// # Errors
    /// [`SignatureError::Key`] if it cannot be encoded.
    pub fn to_pem(&self) -> Result<String, SignatureError> {
        let secret = p256::SecretKey::from(&self.key);
        let pem = secret.to_pkcs8_pem(LineEnding::LF).map_err(|_| SignatureError::Key)?;
        Ok(pem.to_string())
    }

    /// The public key in PEM, as `model_signing verify key --public_key` takes it.
    ///
    /// # Errors
    /// [`SignatureError::Key`] if it cannot be encoded.
    pub fn public_pem(&self) -> Result<String, SignatureError> {
        let public = p256::PublicKey::from(self.key.verifying_key());
        public.to_public_key_pem(LineEnding::LF).map_err(|_| SignatureError::Key)
    }

    /// Signs a model: the bundle as JSON text. `files` in order of path.
    ///
    /// # Errors
    /// [`SignatureError::Key`] if the public key cannot be encoded.
    pub fn sign(&self, model: &str, files: &[SignedFile]) -> Result<String, SignatureError> {
        let payload = statement(model, files).to_string();
        let signature: Signature = self.key.sign(&pre_authentication(payload.as_bytes()));
        let hint = Digest(Sha256::digest(self.public_pem()?.as_bytes()).into());
        let bundle = json!({
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": { "publicKey": { "hint": hint.hex() }, "tlogEntries": [] },
            "dsseEnvelope": {
                "payload": STANDARD.encode(payload),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{ "sig": STANDARD.encode(signature.to_der().as_bytes()), "keyid": "" }],
            },
        });
        Ok(bundle.to_string())
    }
}

/// Checks a bundle against a public key and the files as they are.
///
/// # Errors
/// [`SignatureError`] saying what does not hold.
pub fn verify(bundle: &str, public_pem: &str, files: &[SignedFile]) -> Result<(), SignatureError> {
    let public =
        p256::PublicKey::from_public_key_pem(public_pem).map_err(|_| SignatureError::Key)?;
    let bundle: Value =
        serde_json::from_str(bundle).map_err(|_| SignatureError::Malformed("not JSON"))?;
    let text = |pointer: &str| {
        bundle.pointer(pointer).and_then(Value::as_str).and_then(|t| STANDARD.decode(t).ok())
    };
    let payload = text("/dsseEnvelope/payload").ok_or(SignatureError::Malformed("no payload"))?;
    let signature = text("/dsseEnvelope/signatures/0/sig")
        .and_then(|der| Signature::from_der(&der).ok())
        .ok_or(SignatureError::Malformed("no signature"))?;
    VerifyingKey::from(&public)
        .verify(&pre_authentication(&payload), &signature)
        .map_err(|_| SignatureError::Invalid)?;
    let statement: Value =
        serde_json::from_slice(&payload).map_err(|_| SignatureError::Malformed("payload"))?;
    let listed = statement.pointer("/predicate/resources").and_then(Value::as_array);
    let listed = listed.ok_or(SignatureError::Malformed("no resources"))?;
    let differs = |index: usize| {
        let resource = listed.get(index);
        let field = |name| resource.and_then(|r| r.get(name)).and_then(Value::as_str);
        let file = files.get(index);
        field("name") != file.map(|f| f.path.as_str())
            || field("digest") != file.map(|f| f.digest.hex()).as_deref()
    };
    match (0..listed.len().max(files.len())).find(|index| differs(*index)) {
        None => Ok(()),
        Some(index) => {
            let name = files.get(index).map(|file| file.path.clone());
            Err(SignatureError::File(name.unwrap_or_else(|| format!("number {index}"))))
        }
    }
}

fn statement(model: &str, files: &[SignedFile]) -> Value {
    let mut whole = Sha256::new();
    for file in files {
        whole.update(file.digest.0);
    }
    let whole = Digest(whole.finalize().into());
    let resources: Vec<Value> = files
        .iter()
        .map(|f| json!({ "name": f.path, "algorithm": "sha256", "digest": f.digest.hex() }))
        .collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": model, "digest": { "sha256": whole.hex() } }],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "resources": resources,
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": false,
                "ignore_paths": [],
            },
        },
    })
}

/// DSSE v1 pre-authentication encoding.
fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_files_only() {
        let signer = ModelSigner::from_random(&[7; 32]).unwrap();
        let signer = ModelSigner::from_pem(&signer.to_pem().unwrap()).unwrap();
        let file =
            |path: &str, byte| SignedFile { path: path.to_owned(), digest: Digest([byte; 32]) };
        let files = vec![file("config.json", 1), file("model.safetensors", 2)];
        let bundle = signer.sign("m", &files).unwrap();
        let public = signer.public_pem().unwrap();
        verify(&bundle, &public, &files).unwrap();
        let changed = vec![file("config.json", 1), file("model.safetensors", 3)];
        assert!(matches!(verify(&bundle, &public, &changed), Err(SignatureError::File(_))));
        assert!(verify(&bundle, &public, &files[..1]).is_err());
        let other = ModelSigner::from_random(&[8; 32]).unwrap().public_pem().unwrap();
        assert!(matches!(verify(&bundle, &other, &files), Err(SignatureError::Invalid)));
    }
}
