//! Signing in and out on the console. The browser keeps the secret of a session in a cookie that
//! scripts cannot read and that no other site's request carries; it is a new one at each sign-in.

use std::sync::Arc;

use api::{nouns::sign_in::SignInProvider, problem::Code};
use askama::Template;
use axum::{
    body::Body,
    extract::{Form, FromRequest as _, Request},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::chrome::{self, Layout};
use crate::{
    http::{
        App,
        caller::{self, COOKIE, HOST_COOKIE},
        fail::Fail,
        serve, sessions,
        sessions::Account,
        sign_in,
    },
    sign_in::{
        oidc::safe_path,
        session::{Device, Means, Principal},
        throttle::Source,
    },
};

/// Most bytes of a sign-in form.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// What a sign-in form carries: a key, or a name with a password.
#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    key: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    password: String,
    /// The page that was wanted.
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    layout: Layout,
    /// Why the last attempt failed; empty for none.
    alert: &'a str,
    next: &'a str,
    /// The same within an address.
    next_encoded: String,
    providers: Vec<SignInProvider>,
}

fn page(app: &App, status: StatusCode, alert: &str, next: &str) -> Response {
    let title = "Sign in".to_owned();
    let layout = Layout { title, section: "", twin: String::new(), who: String::new() };
    let (next, providers) = (safe_path(next), sign_in::listed(app));
    let next_encoded = encoded(next);
    let page = LoginPage { layout, alert, next, next_encoded, providers };
    let html = page.render().unwrap_or_default();
    chrome::page(status, html)
}

/// `GET /login`
pub(crate) fn form(app: &App, request: &Request) -> Response {
    let next = query_of(request.uri(), "next");
    serve::finish(Ok(page(app, StatusCode::OK, "", &next)), &serve::request_id(app))
}

/// One parameter of a query; the last of several, empty for none.
pub(crate) fn query_of(uri: &http::Uri, name: &str) -> String {
    let query = uri.query().unwrap_or_default();
    let pairs = openidconnect::url::form_urlencoded::parse(query.as_bytes());
    pairs.filter(|(key, _)| key == name).last().map(|(_, v)| v.into_owned()).unwrap_or_default()
}

/// `POST /login`
pub(crate) async fn submit(app: Arc<App>, request: Request) -> Response {
    let id = serve::request_id(&app);
    let headers = request.headers().clone();
    if let Err(fail) = caller::require_same_origin(&headers) {
        return serve::finish(Ok(chrome::problem(&fail, None, &id)), &id);
    }
    let source = Source::of_request(request.extensions());
    let request = request.map(|body| Body::new(http_body_util::Limited::new(body, FORM_BYTES_MAX)));
    let reading = Form::<SignIn>::from_request(request, &());
    let read = tokio::time::timeout(app.options.body_timeout, reading).await;
    let Ok(Ok(Form(form))) = read else {
        let answer =
            page(&app, StatusCode::BAD_REQUEST, "The form could not be read. Try again.", "/");
        return serve::finish(Ok(answer), &id);
    };
    let answer = match enter(&app, source, &form).await {
        Ok((principal, means)) => signed_in(&app, &headers, principal, means, &form.next).await,
        Err(fail) => Err(fail),
    };
    let answer = answer.unwrap_or_else(|fail| refused(&app, fail, &form.next));
    serve::finish(Ok(answer), &id)
}

/// Who the form is of.
async fn enter(app: &Arc<App>, source: Source, form: &SignIn) -> Result<(Principal, Means), Fail> {
    let key = form.key.trim();
    if key.is_empty() {
        let organisation = form.organisation.trim();
        let parsed = organisation.parse::<units::Name>().ok();
        // An organisation that is no name is one that nobody has; the work is the same.
        let name = if parsed.is_none() && !organisation.is_empty() {
            String::new()
        } else {
            form.user.trim().to_owned()
        };
        let account = Account { organisation: parsed, name };
        let principal = sessions::by_password(app, source, &account, &form.password).await?;
        return Ok((principal, Means::Password));
    }
    let (throttle, now) = (&app.platform.sign_in().throttle, app.platform.now());
    throttle.admit(now, key, source).map_err(sessions::too_often)?;
    let found = app.platform.read(|state| caller::key_of(state, now, key).map(|key| key.id))?;
    throttle.succeeded(now, key, source);
    Ok((Principal::Key(found), Means::Key))
}

/// Begins a session for this browser and leads to the page that was wanted. A session that the browser
/// had before is over: one that somebody planted is worth nothing.
pub(crate) async fn signed_in(
    app: &Arc<App>,
    headers: &HeaderMap,
    principal: Principal,
    means: Means,
    next: &str,
) -> Result<Response, Fail> {
    end_presented(app, headers).await;
    let (_, secret) = sessions::begin(app, principal, means, Device::Browser).await?;
    let cookie = cookie(&secret, Device::Browser.lifetime_s(), is_secure(app, headers));
    let mut response = redirect(safe_path(next));
    response.headers_mut().append(header::SET_COOKIE, cookie?);
    Ok(response)
}

/// Ends the session whose secret the browser has sent, if there is one.
async fn end_presented(app: &Arc<App>, headers: &HeaderMap) {
    let now = app.platform.now();
    for name in [HOST_COOKIE, COOKIE] {
        let secret = caller::cookie(headers, name);
        let found = secret.and_then(|s| app.platform.sign_in().sessions.find(now, s));
        if let Some(session) = found
            && let Err(fail) = sessions::end_one(app, session.principal, &session.handle).await
        {
            tracing::warn!(detail = %fail.0.detail, "a session was not ended");
        }
    }
}

/// The form again, with what was wrong.
fn refused(app: &App, fail: Fail, next: &str) -> Response {
    let wait = fail.0.retry_after_ms.map(|ms| ms.div_ceil(1_000));
    let (status, alert) = match (fail.code(), wait) {
        (Code::RateLimited, wait) => {
            let seconds = wait.unwrap_or(1);
            let text = format!("Too many attempts. Try again in {seconds} s.");
            (StatusCode::TOO_MANY_REQUESTS, text)
        }
        (Code::Unauthenticated, _) => (
            StatusCode::UNAUTHORIZED,
            "This does not open anything here. Check it, or ask an administrator.".to_owned(),
        ),
        (code, _) => {
            let status = StatusCode::from_u16(code.status());
            let text = format!("{}. {}", fail.0.detail, fail.0.remedy.unwrap_or_default());
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), text)
        }
    };
    let mut response = page(app, status, &alert, next);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// `POST /logout`: the session is over on the server, whatever the browser keeps.
pub(crate) async fn sign_out(app: Arc<App>, request: Request) -> Response {
    let id = serve::request_id(&app);
    let headers = request.headers();
    if let Err(fail) = caller::require_same_origin(headers) {
        return serve::finish(Ok(chrome::problem(&fail, None, &id)), &id);
    }
    end_presented(&app, headers).await;
    let mut response = redirect("/login");
    let gone = [cookie("", 0, true), cookie("", 0, false)];
    for cookie in gone.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    serve::finish(Ok(response), &id)
}

/// Parameters that pages of the console have. Others are nothing that a sign-in leads back to: somebody may have put
/// a key there, which would go on through the browser's history.
const PAGE_PARAMETERS: [&str; 3] = ["after", "kind", "page_token"];

/// The way to the sign-in form, which leads back to the page that was wanted.
pub(crate) fn to_sign_in(wanted: &http::Uri) -> Response {
    let query = wanted.query().unwrap_or_default().as_bytes();
    let known = openidconnect::url::form_urlencoded::parse(query)
        .filter(|(name, _)| PAGE_PARAMETERS.contains(&name.as_ref()));
    let query = openidconnect::url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(known)
        .finish();
    let path = match query.is_empty() {
        true => wanted.path().to_owned(),
        false => format!("{}?{query}", wanted.path()),
    };
    let path = safe_path(&path);
    if path == "/" {
        return redirect("/login");
    }
    redirect(&format!("/login?next={}", encoded(path)))
}

/// A text as a parameter of an address.
fn encoded(text: &str) -> String {
    openidconnect::url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// To a path of this console.
pub(crate) fn redirect(to: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    // A path that is safe is printable ASCII, which a header takes.
    let to = HeaderValue::from_str(to).unwrap_or_else(|_| HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, to);
    chrome::guard(response.headers_mut());
    response
}

/// True where people reach the console over HTTPS: by its public address, or by the page that asks.
pub(crate) fn is_secure(app: &App, headers: &HeaderMap) -> bool {
    if let Some(url) = app.platform.public_url() {
        return url.starts_with("https://");
    }
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    origin.is_some_and(|origin| origin.starts_with("https://"))
}

/// The session's cookie. Over HTTPS its name binds it to this host. A secret has no `;` or space.
fn cookie(secret: &str, seconds: u64, secure: bool) -> Result<HeaderValue, Fail> {
    let (name, secure) = if secure { (HOST_COOKIE, "; Secure") } else { (COOKIE, "") };
    let text =
        format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).map_err(|e| Fail::internal("a cookie could not be made", &e))
}
