//! Where somebody is signed in, and ending it from afar.

use std::sync::Arc;

use api::nouns::session::{Session, SignInDevice, SignInMeans};
use askama::Template;
use axum::{
    extract::{Form, FromRequest as _, Request},
    response::Response,
};
use serde::Deserialize;

use super::{
    Layout, Visit, chrome, render,
    session::{redirect, to_sign_in},
    text,
};
use crate::http::{App, fail::Fail, identify, serve, sessions};

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    layout: Layout,
    rows: Vec<Row>,
}

struct Row {
    handle: String,
    means: &'static str,
    device: &'static str,
    created: String,
    seen: String,
    ends: String,
    current: bool,
}

fn row(session: &Session) -> Row {
    Row {
        handle: session.handle.clone(),
        means: match session.means {
            SignInMeans::Key => "API key",
            SignInMeans::Password => "password",
            SignInMeans::Provider => "identity provider",
        },
        device: match session.device {
            SignInDevice::Browser => "browser",
            SignInDevice::CommandLine => "command line",
        },
        created: text::time(session.created_at),
        seen: text::time(session.seen_at),
        ends: text::time(session.ends_at),
        current: session.current,
    }
}

/// `GET /sessions`
pub(crate) async fn page(visit: Visit) -> Result<Response, Fail> {
    let principal = sessions::principal_of(&visit.caller)?;
    let all = visit.app.platform.sign_in().sessions.of(visit.app.platform.now(), principal);
    let current = visit.session.as_ref().map(|session| session.handle.as_str());
    let rows = all.iter().map(|s| row(&sessions::dto(s, current == Some(s.handle.as_str()))));
    let layout = Layout::new("Sessions", "sessions", "/api/v1/sessions", &visit.caller);
    render(&SessionsPage { layout, rows: rows.collect() })
}

#[derive(Deserialize)]
struct End {
    handle: String,
}

/// `POST /sessions/end`
pub(crate) async fn end(app: Arc<App>, request: Request) -> Response {
    let id = serve::request_id(&app);
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let now = app.platform.now();
    let who = match identify::identify(&app, now, &method, &headers, "session_end") {
        Ok(who) => who,
        Err(fail) if fail.0.status == 401 => {
            return serve::finish(Ok(to_sign_in(&"/sessions".parse().unwrap_or_default())), &id);
        }
        Err(fail) => return serve::finish(Ok(chrome::problem(&fail, None, &id)), &id),
    };
    let ended = match (Form::<End>::from_request(request, &()).await, &who.session) {
        (Ok(Form(form)), Some(session)) => {
            sessions::end_one(&app, session.principal, &form.handle).await
        }
        // Without a session there is none to see on this page either.
        (Ok(_), None) => Ok(()),
        (Err(_), _) => Err(Fail::not_found("session", "without a handle")),
    };
    let answer = match ended {
        // Ended meanwhile is ended.
        Ok(()) => redirect("/sessions"),
        Err(fail) if fail.0.status == 404 => redirect("/sessions"),
        Err(fail) => chrome::problem(&fail, Some(&who.caller), &id),
    };
    serve::finish(Ok(answer), &id)
}
