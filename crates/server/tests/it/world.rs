//! A platform with two tenants, and how to call it.

use std::sync::{Arc, Mutex};

use api::engine::NodeFacts;
use axum::{Router, body::Body, response::Response};
use http::{Request, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use server::{Platform, PlatformConfig, SiteConfig};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tower::ServiceExt as _;
use units::{Bytes, Digest, MilliCpu};

pub(crate) use crate::tenants::{Tenant, tenant, tenant_with};

/// A platform and the keys of those who call it.
pub(crate) struct World {
    _dir: TempDir,
    pub(crate) platform: Arc<Platform>,
    router: Router,
    pub(crate) operator: String,
    /// Keys of tenants' own administrators, without whom a tenant is shut to the operator.
    administrators: Mutex<Vec<String>>,
}

/// What a call answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

impl World {
    /// An empty platform with its operator.
    pub(crate) async fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("data");
        let (version, quorum) = ("cocarde test".to_owned(), ledger::Quorum::default());
        let config = PlatformConfig { data_dir, version, quorum };
        let platform = Arc::new(Platform::open(config).unwrap());
        let operator = platform.ensure_operator().await.unwrap().unwrap();
        let router = server::router(Arc::clone(&platform));
        Self { _dir: dir, platform, router, operator, administrators: Mutex::default() }
    }

    /// A platform with prices, a site in France and one machine.
    pub(crate) async fn with_machine() -> Self {
        let world = Self::empty().await;
        world.platform.ensure_prices().await.unwrap();
        let config = SiteConfig {
            country: "FR".parse().unwrap(),
            operator: "Cocarde".to_owned(),
            operator_country: "FR".parse().unwrap(),
            certifications: vec![],
            pue_milli: 1_200,
            carbon_g_per_kwh: 20,
            carbon_source: "test figure".to_owned(),
            power_cap_w: None,
            operator_entity: None,
            owner_entity: None,
        };
        let site = world.platform.ensure_site("paris".parse().unwrap(), config).await.unwrap();
        let facts = NodeFacts {
            hostname: "host".to_owned(),
            system: "Linux test".to_owned(),
            cpu_model: "a processor".to_owned(),
            cpu: MilliCpu(4_000),
            memory: Bytes(8 << 30),
            gpus: vec![],
            limits: "rlimits".to_owned(),
            sandbox: "none".to_owned(),
            power: "model".to_owned(),
            virtual_host: None,
            container: None,
        };
        let topology = server::Topology::default();
        world
            .platform
            .register_node(site, "node-1".parse().unwrap(), &facts, topology)
            .await
            .unwrap();
        world
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.send(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    /// A key that administers a new organisation of this name.
    pub(crate) async fn key_of_new_organisation(&self, name: &str) -> String {
        self.make("/api/v1/organisations", json!({ "name": name })).await;
        self.key("administrator", ("organisation", name)).await
    }

    /// Stops the platform and starts it again on the same folder.
    pub(crate) async fn restart(&mut self) {
        self.platform.close().await;
        let version = "cocarde test".to_owned();
        let data_dir = self._dir.path().join("data");
        self.router = Router::new();
        // The folder is free once the last of those who used the platform has gone.
        self.platform = loop {
            let config = PlatformConfig {
                data_dir: data_dir.clone(),
                version: version.clone(),
                quorum: ledger::Quorum::default(),
            };
            match Platform::open(config) {
                Ok(platform) => break Arc::new(platform),
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.router = server::router(Arc::clone(&self.platform));
    }

    /// Signs in on the console with a key; answers the cookie that the browser keeps.
    pub(crate) async fn sign_in(&self, key: &str) -> String {
        let answer = self.ask(form("/login", &format!("key={key}"), CONSOLE)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// A request with a JSON body, or none for null.
    pub(crate) async fn call(&self, key: &str, method: &str, path: &str, body: Value) -> Answer {
        self.ask(request(key, method, path, body)).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.call(key, "GET", path, Value::Null).await
    }

    /// Posts as the operator, or as an administrator of the tenant where that is needed, and expects
    /// success.
    pub(crate) async fn make(&self, path: &str, body: Value) -> Value {
        let mut answer = self.call(&self.operator, "POST", path, body.clone()).await;
        let administrators = self.administrators.lock().unwrap().clone();
        for key in administrators {
            if answer.status == 403 {
                answer = self.call(&key, "POST", path, body.clone()).await;
            }
        }
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text());
        answer.json()
    }

    /// A key of this role, for an organisation or a project.
    pub(crate) async fn key(&self, role: &str, scope: (&str, &str)) -> String {
        let (kind, name) = scope;
        let mut body = json!({ "name": role, "role": role });
        if kind != "platform" {
            body[kind] = json!(name);
        }
        let made = self.make("/api/v1/keys", body).await;
        let secret = made["secret"].as_str().unwrap().to_owned();
        if (role, kind) == ("administrator", "organisation") {
            self.administrators.lock().unwrap().push(secret.clone());
        }
        secret
    }

    /// Stores a blob and a manifest of one file; answers the manifest's digest.
    pub(crate) async fn manifest(&self, path: &str, content: &[u8]) -> String {
        let digest = digest(content);
        let put = Request::put(format!("/api/v1/blobs/{digest}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.operator))
            .body(Body::from(content.to_vec()))
            .unwrap();
        self.ask(put).await.expect(200);
        let file = json!({ "path": path, "digest": digest, "size_bytes": content.len() });
        let stored = self.make("/api/v1/manifests", json!({ "files": [file] })).await;
        stored["digest"].as_str().unwrap().to_owned()
    }
}

/// Where the console is in tests.
pub(crate) const CONSOLE: &str = "http://console.test";

/// A form as a page of `origin` would send it to the console.
pub(crate) fn form(path: &str, body: &str, origin: &str) -> Request<Body> {
    Request::post(path)
        .header(header::HOST, "console.test")
        .header(header::ORIGIN, origin)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn request(key: &str, method: &str, path: &str, body: Value) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !key.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    let request = request.header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

/// A time so many hours from now, as the API writes it: reservations only take times to come.
pub(crate) fn in_hours(hours: i64) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let at = (i64::try_from(now).unwrap() + hours * 3_600) * 1_000_000;
    api::text::Timestamp(units::UnixMicros(at)).to_string()
}

/// A job that is valid in that project.
pub(crate) fn job(project: &str) -> Value {
    json!({
        "type": "train",
        "name": "train-words",
        "project": project,
        "run": "true",
        "data": { "/data": "dataset://lab/corpus@v1" },
        "outputs": { "model": "registry://lab/words" },
    })
}

/// A text in which ids (`job_` and 26 characters) read `ID`, as they differ from run to run.
pub(crate) fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('_') {
        let (before, after) = rest.split_at(at);
        let tail = after.get(1..27).unwrap_or_default();
        let base32 = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
        let start = before.rfind(|c: char| !c.is_ascii_lowercase()).map_or(0, |p| p + 1);
        if tail.len() == 26 && tail.bytes().all(base32) && start < at && at - start <= 4 {
            out.push_str(&before[..start]);
            out.push_str("ID");
            rest = &after[27..];
        } else {
            out.push_str(before);
            out.push('_');
            rest = &after[1..];
        }
    }
    out + rest
}
