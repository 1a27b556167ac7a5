//! What all pages share: frame, style, headers, and the page of a refusal.

use askama::Template;
use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::http::{
    caller::{Caller, Who},
    fail::Fail,
};

/// Nothing is loaded but our own style sheet; no script runs; forms go nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The frame around a page.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) title: String,
    /// Which entry of the navigation is current; empty for none.
    pub(crate) section: &'static str,
    /// The API route with the same content; empty for none.
    pub(crate) twin: String,
    /// Name and role of the key; empty if nobody is signed in.
    pub(crate) who: String,
}

impl Layout {
    pub(crate) fn new(
        title: impl Into<String>,
        section: &'static str,
        twin: impl Into<String>,
        caller: &Caller,
    ) -> Self {
        Self { title: title.into(), section, twin: twin.into(), who: who(caller) }
    }
}

fn who(caller: &Caller) -> String {
    match caller.who() {
        Who::Anonymous => String::new(),
        Who::Key(key) => format!("{} ({})", key.name, key.role),
        Who::User(id) => id.to_string(),
        Who::ServiceAccount(id) => id.to_string(),
    }
}

/// A template as a response.
///
/// # Errors
/// Only if rendering fails, which for these templates would be a bug.
pub(crate) fn render(template: &impl Template) -> Result<Response, Fail> {
    let html = template.render().map_err(|e| Fail::internal("a page could not be made", &e))?;
    Ok(page(StatusCode::OK, html))
}

pub(crate) fn page(status: StatusCode, html: String) -> Response {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, html);
    guard(headers);
    response
}

/// What no answer of the console goes without: not kept, not framed, nothing loaded from elsewhere.
pub(crate) fn guard(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    layout: Layout,
    status: u16,
    detail: &'a str,
    remedy: &'a str,
    more: &'a str,
    request_id: &'a str,
}

/// The page of a refusal.
pub(crate) fn problem(fail: &Fail, caller: Option<&Caller>, request_id: &str) -> Response {
    let problem = &fail.0;
    let layout = Layout {
        title: problem.title.clone(),
        section: "",
        twin: String::new(),
        who: caller.map(who).unwrap_or_default(),
    };
    let template = ProblemPage {
        layout,
        status: problem.status,
        detail: &problem.detail,
        remedy: problem.remedy.as_deref().unwrap_or_default(),
        more: &problem.type_uri,
        request_id,
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match template.render() {
        Ok(html) => page(status, html),
        // Without its page the refusal is still an answer.
        Err(_) => page(status, problem.status.to_string()),
    }
}

/// `GET /console.css`
pub(crate) async fn style_sheet() -> Response {
    let css = include_str!("../../templates/console.css");
    crate::http::proofs::body(css.as_bytes().to_vec(), "text/css; charset=utf-8", "max-age=3600")
}
