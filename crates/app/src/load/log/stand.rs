//! The platform under the log's load: opened as `up` opens it, with its witnesses, and one endpoint whose use
//! is metered.

use std::{
    io::{Seek as _, Write as _},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use api::{client::Client, nouns::artefact::DigestPath};
use serde_json::{Value, json};
use server::{Platform, TokenUsage};
use sha2::{Digest as _, Sha256};
use store::witness::TrustPolicy;
use tokio::{net::TcpListener, runtime::Runtime, sync::watch, task::JoinSet};
use units::{Digest, Id, kinds};

use super::witness::Witness;
use crate::{load::wire::Wire, up};

/// What stands for a model's weights: nothing serves it, only its use is reported.
const WEIGHTS: &[u8] = b"the use of a model that nobody serves is reported";

/// A running platform with its witnesses.
pub(super) struct Stand {
    pub(super) platform: Arc<Platform>,
    pub(super) runtime: Runtime,
    /// What is reported, but for the gateway and its count.
    pub(super) usage: TokenUsage,
    _witnesses: Vec<Witness>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Stand {
    /// Starts it on an empty folder; `scratch` is for the witnesses.
    pub(super) fn start(data: &Path, scratch: &Path, n_witnesses: u32) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
            .thread_name("load")
            .enable_all()
            .build()
            .context("cannot start the asynchronous runtime")?;
        // The log's key exists once it was opened.
        let vkey = runtime.block_on(async {
            let platform = up::open(data).await?;
            if platform.read_size() > 0 {
                bail!("`{}` holds a platform already: choose an empty folder", data.display());
            }
            let vkey = platform.log().verifier().to_string();
            platform.close().await;
            Ok(vkey)
        })?;
        let witnesses = (1..=n_witnesses)
            .map(|number| Witness::start(scratch, number, &vkey))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let policy = policy(&witnesses)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (platform, usage) = runtime.block_on(begin(data, &policy, &mut tasks, stopped))?;
        up::start_witnesses(&platform, &policy)?;
        Ok(Self { platform, runtime, usage, _witnesses: witnesses, tasks, stop })
    }

    /// Ends it in good order.
    pub(super) fn close(mut self) {
        let _ = self.stop.send(true);
        self.platform.finality().close();
        self.runtime.block_on(async {
            self.tasks.shutdown().await;
            self.platform.close().await;
        });
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

/// More than half of the witnesses must agree.
fn policy(witnesses: &[Witness]) -> anyhow::Result<TrustPolicy> {
    let known = witnesses
        .iter()
        .map(|one| Ok((one.key.parse()?, Some(one.url.clone()))))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let needed = if known.is_empty() { 0 } else { known.len() / 2 + 1 };
    Ok(TrustPolicy::of_witnesses(known, needed)?)
}

async fn begin(
    data: &Path,
    policy: &TrustPolicy,
    tasks: &mut JoinSet<()>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<(Arc<Platform>, TokenUsage)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen")?;
    let address = listener.local_addr()?;
    let platform = up::open_watched(data, policy).await?;
    let token = platform.ensure_operator().await.context("cannot make the operator's key")?;
    let token = token.context("the platform has an operator already: choose an empty folder")?;
    platform.ensure_prices().await.context("cannot set the prices")?;
    tasks.spawn(up::listen(listener, server::router(Arc::clone(&platform)), stopped));
    let usage = endpoint(address, &token, platform.fresh_id()?).await?;
    Ok((platform, usage))
}

/// A tenant with an endpoint, made through the API.
async fn endpoint(
    address: SocketAddr,
    token: &str,
    gateway: Id<kinds::Gateway>,
) -> anyhow::Result<TokenUsage> {
    let mut wire = Wire::connect(address, token).await?;
    make(&mut wire, "organisations", json!({ "name": "load" })).await?;
    make(&mut wire, "projects", json!({ "organisation": "load", "name": "log" })).await?;
    let digest = store_weights(address, token).await?;
    let file = json!({ "path": "weights", "digest": digest, "size_bytes": WEIGHTS.len() });
    let manifest = make(&mut wire, "manifests", json!({ "files": [file] })).await?;
    let model = json!({ "project": "load/log", "name": "words" });
    let model = make(&mut wire, "models", model).await?;
    let path = format!("models/{}/versions", text(&model, "/id")?);
    make(&mut wire, &path, json!({ "manifest": text(&manifest, "/digest")? })).await?;
    let new = json!({ "project": "load/log", "name": "words", "model": "log/words@v1" });
    let endpoint = make(&mut wire, "endpoints", new).await?;
    let new = json!({ "name": "caller", "role": "inference", "project": "load/log" });
    let key = make(&mut wire, "keys", new).await?;
    let wrong = |error: String| anyhow!("an id of the platform is none: {error}");
    Ok(TokenUsage {
        gateway,
        sequence: 0,
        key: text(&key, "/key/id")?.parse().map_err(|error| wrong(format!("{error}")))?,
        endpoint: text(&endpoint, "/id")?.parse().map_err(|error| wrong(format!("{error}")))?,
        minute_unix_s: 60,
        requests: 10,
        errors: 0,
        prompt_tokens: 1_200,
        completion_tokens: 800,
        estimated: false,
        answers: None,
    })
}

/// Stores the model's one file and answers its digest.
async fn store_weights(address: SocketAddr, token: &str) -> anyhow::Result<Digest> {
    let digest = Digest(Sha256::digest(WEIGHTS).into());
    let client = Client::new(&format!("http://{address}"), Some(token))?;
    let put = move || -> anyhow::Result<()> {
        let mut file = tempfile::tempfile()?;
        file.write_all(WEIGHTS)?;
        file.rewind()?;
        client.put_blob(&DigestPath { digest }, file)?;
        Ok(())
    };
    tokio::task::spawn_blocking(put).await??;
    Ok(digest)
}

fn text<'a>(value: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.with_context(|| format!("the platform's answer has no `{pointer}`: {value}"))
}

async fn make(wire: &mut Wire, noun: &str, body: Value) -> anyhow::Result<Value> {
    let path = format!("/api/v1/{noun}");
    let answer = wire.post(&path, &body.to_string()).await?;
    if answer.status >= 300 {
        let text = String::from_utf8_lossy(answer.body).into_owned();
        bail!("`POST {path}` was answered with {}: {text}", answer.status);
    }
    serde_json::from_slice(answer.body).context("the platform's answer is not JSON")
}
