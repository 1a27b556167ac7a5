//! An identity provider as small as can be, that lies on demand: what a real one cannot be made to do.
//!
//! The real one is in `interop/check_oidc.py`.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::url::{Url, form_urlencoded};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What it does wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lie {
    #[default]
    None,
    Audience,
    ExtraAudience,
    Issuer,
    Nonce,
    Expired,
    OtherKey,
    Unsigned,
    Html,
    HugeAnswer,
    Redirect,
    NoIdToken,
}

#[derive(Debug)]
struct Inner {
    url: String,
    key: SigningKey,
    lie: Lie,
    /// Claims of whoever signs in next.
    claims: Value,
    /// What was asked for at the authorisation endpoint, by code.
    codes: BTreeMap<String, BTreeMap<String, String>>,
    /// `None` until somebody agrees or refuses.
    device: Option<bool>,
    asked: Vec<String>,
    n_codes: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Provider(Arc<Mutex<Inner>>);

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self(Arc::new(Mutex::new(Inner {
            url,
            key: key(1),
            lie: Lie::None,
            claims: json!({ "sub": "ada" }),
            codes: BTreeMap::new(),
            device: None,
            asked: Vec::new(),
            n_codes: 0,
        })));
        let serving = provider.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.serve(stream);
            }
        });
        provider
    }

    pub(crate) fn url(&self) -> String {
        self.0.lock().unwrap().url.clone()
    }

    pub(crate) fn lie(&self, lie: Lie) {
        self.0.lock().unwrap().lie = lie;
    }

    pub(crate) fn claims(&self, claims: Value) {
        self.0.lock().unwrap().claims = claims;
    }

    pub(crate) fn agree(&self, agreed: bool) {
        self.0.lock().unwrap().device = Some(agreed);
    }

    pub(crate) fn asked(&self, path: &str) -> usize {
        self.0.lock().unwrap().asked.iter().filter(|asked| asked.starts_with(path)).count()
    }

    /// What a browser does at the authorisation endpoint when its person agrees: the way back.
    pub(crate) fn approve(&self, address: &str) -> (String, BTreeMap<String, String>) {
        let url = Url::parse(address).unwrap();
        let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let mut inner = self.0.lock().unwrap();
        assert!(address.starts_with(&format!("{}/authorize?", inner.url)), "{address}");
        inner.n_codes += 1;
        let code = format!("code-{}", inner.n_codes);
        inner.codes.insert(code.clone(), asked.clone());
        (code, asked)
    }

    fn serve(&self, mut stream: std::net::TcpStream) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let Some((head, body)) = read(&mut stream) else { return };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, media, body) = self.answer(&head, &path, &body);
        let lie = self.0.lock().unwrap().lie;
        let more = if lie == Lie::Redirect { "Location: http://127.0.0.1:1/\r\n" } else { "" };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: {media}\r\n{more}Content-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        let _ = stream.write_all(answer.as_bytes());
    }

    fn answer(&self, head: &str, path: &str, body: &str) -> (u16, &'static str, String) {
        let mut inner = self.0.lock().unwrap();
        inner.asked.push(path.to_owned());
        match inner.lie {
            Lie::Html if path == "/token" => {
                return (200, "text/html", "<html><script>alert(1)</script></html>".to_owned());
            }
            Lie::HugeAnswer if path == "/token" => {
                return (200, "application/json", "x".repeat(3 << 20));
            }
            Lie::Redirect if path == "/token" => return (302, "text/plain", String::new()),
            _ => {}
        }
        let json = "application/json";
        let url = inner.url.clone();
        match path {
            "/.well-known/openid-configuration" => (200, json, description(&url).to_string()),
            "/keys" => (200, json, json!({ "keys": [public(&inner.key)] }).to_string()),
            "/device" => {
                let answer = json!({
                    "device_code": "device-secret", "user_code": "ABCD-EFGH", "expires_in": 300,
                    "verification_uri": format!("{url}/activate"), "interval": 1,
                });
                (200, json, answer.to_string())
            }
            "/token" => {
                let form: BTreeMap<String, String> =
                    form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                let (status, answer) = inner.tokens(head, &form);
                (status, json, answer.to_string())
            }
            _ => (404, "text/plain", String::new()),
        }
    }
}

impl Inner {
    fn tokens(&mut self, head: &str, form: &BTreeMap<String, String>) -> (u16, Value) {
        let refuse = |error: &str| (400, json!({ "error": error }));
        let secret = "Y2xpZW50OnNlY3JldA"; // client:secret
        if !head.contains(&format!("Basic {secret}")) {
            return (401, json!({ "error": "invalid_client" }));
        }
        if form.get("grant_type").is_some_and(|grant| grant.contains("device_code")) {
            if form.get("device_code").map(String::as_str) != Some("device-secret") {
                return refuse("invalid_grant");
            }
            return match self.device {
                None => refuse("authorization_pending"),
                Some(false) => refuse("access_denied"),
                Some(true) => (200, self.answer_with(None)),
            };
        }
        let code = form.get("code").cloned().unwrap_or_default();
        let Some(asked) = self.codes.remove(&code) else { return refuse("invalid_grant") };
        let verifier = form.get("code_verifier").cloned().unwrap_or_default();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let same = asked.get("code_challenge") == Some(&challenge)
            && asked.get("redirect_uri") == form.get("redirect_uri");
        if !same {
            return refuse("invalid_grant");
        }
        (200, self.answer_with(asked.get("nonce").cloned()))
    }

    fn answer_with(&self, nonce: Option<String>) -> Value {
        let mut answer = json!({ "access_token": "access", "token_type": "Bearer" });
        if self.lie != Lie::NoIdToken {
            answer["id_token"] = json!(self.id_token(nonce));
        }
        answer
    }

    fn id_token(&self, nonce: Option<String>) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = self.claims.clone();
        claims["iss"] = json!(self.url);
        claims["aud"] = json!("client");
        claims["iat"] = json!(now - 10);
        claims["exp"] = json!(now + 300);
        claims["nonce"] = json!(nonce);
        match self.lie {
            Lie::Audience => claims["aud"] = json!("somebody-else"),
            Lie::ExtraAudience => claims["aud"] = json!(["client", "somebody-else"]),
            Lie::Issuer => claims["iss"] = json!("https://evil.test"),
            Lie::Nonce => claims["nonce"] = json!("another"),
            Lie::Expired => claims["exp"] = json!(now - 5),
            _ => {}
        }
        let algorithm = if self.lie == Lie::Unsigned { "none" } else { "ES256" };
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = json!({ "alg": algorithm, "kid": public(&self.key)["kid"], "typ": "JWT" });
        let signed = format!("{}.{}", encode(&head), encode(&claims));
        if self.lie == Lie::Unsigned {
            return format!("{signed}.");
        }
        let key = if self.lie == Lie::OtherKey { key(9) } else { self.key.clone() };
        let signature: Signature = key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

fn description(url: &str) -> Value {
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "device_authorization_endpoint": format!("{url}/device"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "none"],
    })
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_slice(&[n; 32]).unwrap()
}

fn public(key: &SigningKey) -> Value {
    let point = key.verifying_key().to_sec1_point(false);
    let bytes = point.as_bytes();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&bytes[1..33]), URL_SAFE_NO_PAD.encode(&bytes[33..65]));
    json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": x[..8], "x": x, "y": y })
}

/// Head and body of one request.
fn read(stream: &mut std::net::TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        match stream.read(&mut buffer) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
}
