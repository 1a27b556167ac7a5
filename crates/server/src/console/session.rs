//! Signing in and out: the key itself is the session, in a cookie that scripts cannot read.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Form, FromRequest as _, Request},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::chrome::{self, Layout};
use crate::http::{App, caller, fail::Fail, serve};

/// Twelve hours: a working day.
const SECONDS: u32 = 12 * 3_600;

#[derive(Deserialize)]
struct SignIn {
    key: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    layout: Layout,
    wrong: bool,
}

fn page(status: StatusCode, wrong: bool) -> Response {
    let title = "Sign in".to_owned();
    let layout = Layout { title, section: "", twin: String::new(), who: String::new() };
    let html = LoginPage { layout, wrong }.render().unwrap_or_default();
    chrome::page(status, html)
}

/// `GET /login`
pub(crate) async fn form() -> Response {
    page(StatusCode::OK, false)
}

/// `POST /login`
pub(crate) async fn sign_in(app: Arc<App>, request: Request) -> Response {
    let id = serve::request_id(&app);
    let headers = request.headers().clone();
    if let Err(fail) = caller::require_same_origin(&headers) {
        return serve::finish(Ok(chrome::problem(&fail, None, &id)), &id);
    }
    let Ok(Form(form)) = Form::<SignIn>::from_request(request, &()).await else {
        return serve::finish(Ok(page(StatusCode::BAD_REQUEST, true)), &id);
    };
    let (key, now) = (form.key.trim(), app.platform.now());
    let known = app.platform.read(|state| caller::key_of(state, now, key).is_ok());
    let answer = match cookie(key, SECONDS, &headers).filter(|_| known) {
        None => page(StatusCode::UNAUTHORIZED, true),
        Some(cookie) => redirect("/", Some(cookie)),
    };
    serve::finish(Ok(answer), &id)
}

/// `POST /logout`
pub(crate) fn sign_out(app: &App, request: &Request) -> Response {
    let id = serve::request_id(app);
    let answer: Result<Response, Fail> = caller::require_same_origin(request.headers())
        .map(|()| redirect("/login", cookie("", 0, request.headers())));
    let page = answer.unwrap_or_else(|fail| chrome::problem(&fail, None, &id));
    serve::finish(Ok(page), &id)
}

/// The way to the sign-in form, which never leads further by itself.
pub(crate) fn to_sign_in() -> Response {
    redirect("/login", None)
}

fn redirect(to: &'static str, cookie: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(to));
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The cookie; `Secure` where the console is reached over HTTPS. A key has no `;` or space.
fn cookie(key: &str, seconds: u32, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let secure = if origin.is_some_and(|o| o.starts_with("https://")) { "; Secure" } else { "" };
    let name = caller::COOKIE;
    let text =
        format!("{name}={key}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).ok()
}
