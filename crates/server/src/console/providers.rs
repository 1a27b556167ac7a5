//! Signing in on the console at an identity provider: on the way there, and back.
//!
//! Where the provider sends the browser back to is the platform's own public address, never what a
//! request says of its host. The way back ends in a page that leads on by itself, since a cookie that no
//! other site's request carries is not sent along a redirect that another site began.

use std::sync::Arc;

use api::problem::Code;
use askama::Template;
use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use units::{Id, kinds};

use super::{
    chrome::{self, Layout},
    session::{self, redirect},
};
use crate::{
    http::{
        App, blobs::blocking_fail, caller, fail::Fail, identity_providers, serve, sessions, sign_in,
    },
    sign_in::{
        oidc::{Returned, safe_path},
        session::Means,
        throttle::Source,
    },
};

/// The path that providers send browsers back to.
const CALLBACK: &str = "/sign-in/callback";
/// The cookie that binds an attempt to the browser that began it, over plain HTTP and over HTTPS.
const BROWSER_COOKIES: [&str; 2] = ["cocarde_sign_in", "__Host-cocarde_sign_in"];
/// Seconds that a person may take at the provider.
const SECONDS: u32 = 600;

#[derive(Template)]
#[template(path = "signed_in.html")]
struct SignedInPage<'a> {
    layout: Layout,
    next: &'a str,
}

/// `GET /sign-in/{id}`: to the provider.
pub(crate) async fn begin(app: Arc<App>, request: Request) -> Response {
    let id = serve::request_id(&app);
    let (parts, _body) = request.into_parts();
    let answer = to_provider(&app, &parts).await;
    let page = answer.unwrap_or_else(|fail| chrome::problem(&fail, None, &id));
    serve::finish(Ok(page), &id)
}

async fn to_provider(app: &Arc<App>, parts: &Parts) -> Result<Response, Fail> {
    let text = parts.uri.path().rsplit('/').next().unwrap_or_default();
    let shown: String = text.chars().take(64).collect();
    let id: Id<kinds::IdentityProvider> =
        text.parse().map_err(|_| Fail::not_found("identity provider", shown))?;
    let source = Source::of_request(&parts.extensions);
    let (throttle, now) = (&app.platform.sign_in().throttle, app.platform.now());
    throttle.admit(now, &source.label("browser"), source).map_err(sessions::too_often)?;
    let base = base_of(app, &parts.headers)?;
    let secure = base.starts_with("https://");
    let next = session::query_of(&parts.uri, "next");
    let working = Arc::clone(app);
    let begun = blocking_fail(move || {
        let (provider, _) = identity_providers::to_ask(&working, id)?;
        let redirect_uri = format!("{base}{CALLBACK}");
        let oidc = &working.platform.sign_in().oidc;
        let begun = oidc.begin(working.platform.now(), &provider, &redirect_uri, &next);
        begun.map_err(|error| sign_in::refuse(&error))
    })
    .await?;
    let mut response = redirect("/");
    let to = HeaderValue::from_str(&begun.url)
        .map_err(|e| Fail::internal("an address could not be made", &e))?;
    response.headers_mut().insert(header::LOCATION, to);
    let cookie = browser_cookie(&begun.browser_secret, SECONDS, secure)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `GET /sign-in/callback`: back from the provider.
pub(crate) async fn callback(app: Arc<App>, request: Request) -> Response {
    let id = serve::request_id(&app);
    let (parts, _body) = request.into_parts();
    let answer = from_provider(&app, &parts).await;
    let mut page = answer.unwrap_or_else(|fail| chrome::problem(&fail, None, &id));
    // The attempt is over in any case.
    for cookie in [browser_cookie("", 0, true), browser_cookie("", 0, false)].into_iter().flatten()
    {
        page.headers_mut().append(header::SET_COOKIE, cookie);
    }
    serve::finish(Ok(page), &id)
}

async fn from_provider(app: &Arc<App>, parts: &Parts) -> Result<Response, Fail> {
    let one = |name: &str| session::query_of(&parts.uri, name);
    let optional = |name: &str| Some(one(name)).filter(|value| !value.is_empty());
    let (state, code) = (one("state"), optional("code"));
    let (error, issuer) = (optional("error"), optional("iss"));
    let browser =
        BROWSER_COOKIES.iter().rev().find_map(|name| caller::cookie(&parts.headers, name));
    let browser = browser.map(str::to_owned);
    let unknown = || {
        Fail::new(Code::Unauthenticated, "this sign-in is unknown or was used")
            .remedy("begin to sign in again")
    };
    let id = app.platform.sign_in().oidc.provider_of(&state).ok_or_else(unknown)?;
    let working = Arc::clone(app);
    let (identity, next, provider) = blocking_fail(move || {
        let (provider, noun) = identity_providers::to_ask(&working, id)?;
        let returned = Returned {
            state: &state,
            code: code.as_deref(),
            error: error.as_deref(),
            issuer: issuer.as_deref(),
            browser_secret: browser.as_deref(),
        };
        let (now, oidc) = (working.platform.now(), &working.platform.sign_in().oidc);
        let done = oidc.complete(now, &provider, returned);
        done.map(|(identity, next)| (identity, next, noun)).map_err(|e| sign_in::refuse(&e))
    })
    .await?;
    let principal = sign_in::enter(app, &provider, identity).await?;
    let source = Source::of_request(&parts.extensions);
    let throttle = &app.platform.sign_in().throttle;
    throttle.succeeded(app.platform.now(), &source.label("browser"), source);
    let means = Means::Provider(provider.id);
    let moved = session::signed_in(app, &parts.headers, principal, means, &next).await?;
    let layout = Layout {
        title: "Signed in".to_owned(),
        section: "",
        twin: String::new(),
        who: String::new(),
    };
    let html = SignedInPage { layout, next: safe_path(&next) }.render();
    let html = html.map_err(|e| Fail::internal("a page could not be made", &e))?;
    let mut page = chrome::page(StatusCode::OK, html);
    for cookie in moved.headers().get_all(header::SET_COOKIE) {
        page.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    Ok(page)
}

/// The platform's own address: as it was set, or as this very machine is called. Any other host that a
/// request names could be anybody's.
fn base_of(app: &App, headers: &HeaderMap) -> Result<String, Fail> {
    if let Some(url) = app.platform.public_url() {
        return Ok(url.to_owned());
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parsed = openidconnect::url::Url::parse(&format!("http://{host}/")).ok();
    let name = parsed.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return Ok(format!("http://{host}"));
    }
    Err(Fail::new(Code::Unavailable, "the address of this console is not set")
        .remedy("ask the operator to start it with `--public-url https://…`"))
}

fn browser_cookie(secret: &str, seconds: u32, secure: bool) -> Result<HeaderValue, Fail> {
    let [plain, host] = BROWSER_COOKIES;
    let (name, secure) = if secure { (host, "; Secure") } else { (plain, "") };
    // Lax, because the way back is begun by the provider's site.
    let text =
        format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).map_err(|e| Fail::internal("a cookie could not be made", &e))
}
