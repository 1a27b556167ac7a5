//! A service that is asked about texts: it does what it is told, and keeps what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// What a service does.
#[derive(Debug, Clone)]
pub(super) enum Way {
    Allow,
    /// Refuses texts that hold this, with a code.
    Refuse(&'static str, &'static str),
    /// Replaces this by `***`.
    Redact(&'static str),
    /// Says this, whatever it is asked.
    Say(StatusCode, String),
    /// Never answers.
    Mute,
}

#[derive(Clone)]
pub(super) struct Service {
    pub(super) address: String,
    pub(super) way: Arc<Mutex<Way>>,
    pub(super) seen: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

impl Service {
    pub(super) async fn start(way: Way) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = Self { address, way: Arc::new(Mutex::new(way)), seen: Arc::default() };
        let router = Router::new()
            .route("/v1/check", axum::routing::post(answer))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    pub(super) fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(
    State(service): State<Service>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    service.seen.lock().unwrap().push((headers, body.clone()));
    let texts = body["texts"].as_array().unwrap().clone();
    let text = |one: &Value| one["text"].as_str().unwrap().to_owned();
    let whole = |one: &Value| one["before"].as_str().unwrap_or_default().to_owned() + &text(one);
    let way = service.way.lock().unwrap().clone();
    let told = match way {
        Way::Refuse(word, reason) if texts.iter().any(|one| whole(one).contains(word)) => {
            json!({"verdict": "refuse", "reason": reason})
        }
        Way::Allow | Way::Refuse(..) => json!({"verdict": "allow", "more": 1}),
        Way::Redact(word) => {
            let fresh = texts
                .iter()
                .map(|one| text(one).contains(word).then(|| text(one).replace(word, "***")));
            json!({"verdict": "redact", "texts": fresh.collect::<Vec<_>>()})
        }
        Way::Say(status, said) => return (status, said).into_response(),
        Way::Mute => std::future::pending().await,
    };
    axum::Json(told).into_response()
}
