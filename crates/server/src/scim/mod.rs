//! SCIM 2.0 (RFC 7643, RFC 7644): directories of organisations create, change and remove their people.
//!
//! A directory comes with a key that administers one organisation, and sees that organisation and nothing
//! else. What it does goes through the same commands and the same vault as everything; here it is only
//! read and written as SCIM. Somebody whom a directory removes is suspended at once, leaves all groups,
//! and their personal data is asked to be erased.

mod error;
mod filter;
mod groups;
mod patch;
mod schemas;
mod users;

use std::{future::ready, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::Response,
    routing::{MethodRouter, any},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt as _, Limited};
use kernel::access::{Role, Scope};
use serde_json::{Value, json};
use units::{Id, kinds};

use self::error::ScimError;
use crate::http::{App, access, caller::Caller, identify, serve};

/// Most bytes of a body: a thousand members.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Items of a page if the directory does not say, and at most.
const COUNT_DEFAULT: usize = 100;
const COUNT_MAX: usize = 200;

/// A request of a directory whose key administers an organisation.
struct Visit {
    app: Arc<App>,
    caller: Caller,
    /// Whose people it is about; `None` for those who run the platform.
    home: Option<Id<kinds::Organisation>>,
    method: Method,
    /// What follows `/scim/v2/Users/`; empty for the collection.
    id: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What is answered: a status, a version for the `ETag`, and a body.
struct Answer {
    status: u16,
    version: Option<u64>,
    body: Value,
}

impl Answer {
    const fn ok(body: Value) -> Self {
        Self { status: 200, version: None, body }
    }
}

type Outcome = Result<Answer, ScimError>;
type Handler = fn(Visit) -> BoxFuture<'static, Outcome>;

/// Adds the routes.
pub(crate) fn mount(router: Router, app: &Arc<App>) -> Router {
    let at = |handler: Handler| route(app, handler);
    router
        .route("/scim/v2/Users", at(|visit| Box::pin(users::serve(visit))))
        .route("/scim/v2/Users/{id}", at(|visit| Box::pin(users::serve(visit))))
        .route("/scim/v2/Groups", at(|visit| Box::pin(groups::serve(visit))))
        .route("/scim/v2/Groups/{id}", at(|visit| Box::pin(groups::serve(visit))))
        .route("/scim/v2/ServiceProviderConfig", at(|v| Box::pin(ready(schemas::config(&v)))))
        .route("/scim/v2/ResourceTypes", at(|v| Box::pin(ready(schemas::types(&v)))))
        .route("/scim/v2/ResourceTypes/{id}", at(|v| Box::pin(ready(schemas::types(&v)))))
        .route("/scim/v2/Schemas", at(|v| Box::pin(ready(schemas::schemas(&v)))))
        .route("/scim/v2/Schemas/{id}", at(|v| Box::pin(ready(schemas::schemas(&v)))))
}

fn route(app: &Arc<App>, handler: Handler) -> MethodRouter {
    let app = Arc::clone(app);
    any(move |request: Request| serve(Arc::clone(&app), handler, request))
}

async fn serve(app: Arc<App>, handler: Handler, request: Request) -> Response {
    let id = serve::request_id(&app);
    let wanted = request.headers().get(header::IF_NONE_MATCH).cloned();
    let answer = match visit(&app, request).await {
        Ok(visit) => handler(visit).await,
        Err(error) => Err(error),
    };
    let response = match answer {
        Ok(answer) => {
            let tag = answer.version.map(tag);
            if answer.status == 200 && tag.is_some() && tag.as_ref() == wanted.as_ref() {
                error::empty(304)
            } else if answer.status == 204 {
                error::empty(204)
            } else {
                let mut response = error::respond(answer.status, &answer.body);
                if let Some(tag) = tag {
                    response.headers_mut().insert(header::ETAG, tag);
                }
                response
            }
        }
        Err(error) => error.into_response(),
    };
    serve::finish(Ok(response), &id)
}

/// Who asks, for which organisation, with which body.
async fn visit(app: &Arc<App>, request: Request) -> Result<Visit, ScimError> {
    let (parts, body) = request.into_parts();
    let now = app.platform.now();
    let who = identify::identify(app, now, &parts.method, &parts.headers, "scim")?;
    let home = home_of(&who.caller)?;
    let body = read(app, body).await?;
    let id = parts.uri.path().split('/').nth(4).unwrap_or_default();
    Ok(Visit {
        app: Arc::clone(app),
        caller: who.caller,
        home,
        method: parts.method,
        id: id.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    })
}

/// The one organisation that the caller administers. Somebody who administers several, or only a project,
/// is no directory.
fn home_of(caller: &Caller) -> Result<Option<Id<kinds::Organisation>>, ScimError> {
    caller.principal()?;
    let homes: Vec<Option<Id<kinds::Organisation>>> = access::scopes(caller, Role::Administrator)
        .into_iter()
        .filter_map(|scope| match scope {
            Scope::Platform => Some(None),
            Scope::Organisation(id) => Some(Some(id)),
            Scope::Project(_) => None,
        })
        .collect();
    match homes.as_slice() {
        [home] => Ok(*home),
        _ => Err(ScimError::new(
            403,
            "",
            "this needs a key that administers one organisation, such as \
             `cocarde key create scim --role administrator --organisation NAME`",
        )),
    }
}

async fn read(app: &App, body: Body) -> Result<Bytes, ScimError> {
    let reading = Limited::new(body, BODY_BYTES_MAX).collect();
    let late = |_| ScimError::syntax("the body did not arrive in time");
    let read = tokio::time::timeout(app.options.body_timeout, reading).await.map_err(late)?;
    let large = |_| ScimError::new(413, "tooMany", "the body is too large");
    Ok(read.map_err(large)?.to_bytes())
}

fn tag(version: u64) -> HeaderValue {
    // Digits and quotes are always a header's value.
    HeaderValue::from_str(&format!("W/\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("W/\"0\""))
}

impl Visit {
    /// One parameter of the query.
    fn parameter(&self, name: &str) -> Option<String> {
        let pairs = openidconnect::url::form_urlencoded::parse(self.query.as_bytes());
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.into_owned()).last()
    }

    /// Refuses a change of another version than the one that the directory has seen.
    fn require_version(&self, version: u64) -> Result<(), ScimError> {
        match self.headers.get(header::IF_MATCH) {
            Some(wanted) if *wanted != tag(version) && wanted.as_bytes() != b"*" => {
                Err(ScimError::new(412, "", "it was changed since it was read"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The body as an object.
    fn object(&self) -> Result<serde_json::Map<String, Value>, ScimError> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(ScimError::syntax("the body is no object")),
            Err(error) => Err(ScimError::syntax(format!("the body is not JSON: {error}"))),
        }
    }

    /// Which part of a list: where it starts, from 1, and how many.
    fn window(&self) -> (usize, usize) {
        let number = |name: &str| self.parameter(name).and_then(|text| text.parse::<i64>().ok());
        // RFC 7644 §3.4.2.4: less than 1 is 1, less than 0 is 0.
        let start = number("startIndex").unwrap_or(1).max(1);
        let count =
            number("count").map_or(COUNT_DEFAULT, |n| usize::try_from(n.max(0)).unwrap_or(0));
        (usize::try_from(start).unwrap_or(1), count.min(COUNT_MAX))
    }

    /// The wanted part of a list of ids.
    fn part<T: Copy>(&self, all: &[T]) -> Vec<T> {
        let (start, count) = self.window();
        all.iter().skip(start.saturating_sub(1)).take(count).copied().collect()
    }

    /// The part of a list as a document.
    fn page(&self, total: usize, items: Vec<Value>) -> Answer {
        let (start, _) = self.window();
        Answer::ok(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total, "startIndex": start, "itemsPerPage": items.len(),
            "Resources": items,
        }))
    }
}

/// A method that a resource does not take.
fn not_offered(method: &Method) -> ScimError {
    ScimError::new(405, "", format!("`{method}` is not offered here"))
}
