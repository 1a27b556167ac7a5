//! The console: pages made on the server, without scripts. Each shows what an API handler answers,
//! by calling that handler; each links to its JSON twin.
//!
//! A page changes nothing but sessions.

mod artefacts;
mod chrome;
mod costs;
mod events;
mod overview;
mod providers;
mod session;
mod sessions;
mod text;
mod workloads;

use std::{
    future::{Future, ready},
    sync::Arc,
};

use api::endpoint::Permission;
use axum::{
    Router,
    extract::Request,
    response::Response,
    routing::{get, post},
};
use futures_util::FutureExt as _;
use http::request::Parts;

use crate::{
    http::{
        App, access,
        caller::Caller,
        consents,
        fail::Fail,
        identify::{self, Identified},
        serve,
    },
    sign_in::session::Session,
};

pub(crate) use chrome::{Layout, render};

/// A page's request: who asks, for what.
pub(crate) struct Visit {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    /// Their session; none for somebody with a key in a header.
    pub(crate) session: Option<Session>,
    pub(crate) parts: Parts,
}

/// Adds the pages.
pub(crate) fn mount(router: Router, app: &Arc<App>) -> Router {
    let page = |handler| page_route(app, handler);
    let [form, sign_in, sign_out, end, begin, callback] = std::array::from_fn(|_| Arc::clone(app));
    router
        .route("/", page(boxed(overview::page)))
        .route("/workloads", page(boxed(workloads::list)))
        .route("/workloads/{id}", page(boxed(workloads::detail)))
        .route("/artefacts", page(boxed(artefacts::page)))
        .route("/costs", page(boxed(costs::page)))
        .route("/events", page(boxed(events::page)))
        .route("/console.css", get(chrome::style_sheet))
        .route(
            "/login",
            get(move |request: Request| ready(session::form(&form, &request)))
                .post(move |request: Request| session::submit(Arc::clone(&sign_in), request)),
        )
        .route(
            "/logout",
            post(move |request: Request| session::sign_out(Arc::clone(&sign_out), request)),
        )
        .route(
            "/sign-in/{id}",
            get(move |request: Request| providers::begin(Arc::clone(&begin), request)),
        )
        .route(
            "/sign-in/callback",
            get(move |request: Request| providers::callback(Arc::clone(&callback), request)),
        )
        .route("/sessions", page_any(app, boxed(sessions::page)))
        .route(
            "/sessions/end",
            post(move |request: Request| sessions::end(Arc::clone(&end), request)),
        )
}

type Handler = Arc<
    dyn Fn(Visit) -> futures_util::future::BoxFuture<'static, Result<Response, Fail>> + Send + Sync,
>;

fn boxed<Fut>(handler: impl Fn(Visit) -> Fut + Send + Sync + 'static) -> Handler
where
    Fut: Future<Output = Result<Response, Fail>> + Send + 'static,
{
    Arc::new(move |visit| handler(visit).boxed())
}

fn page_route(app: &Arc<App>, handler: Handler) -> axum::routing::MethodRouter {
    page_for(app, handler, Permission::Viewer)
}

/// A page for everybody who is signed in.
fn page_any(app: &Arc<App>, handler: Handler) -> axum::routing::MethodRouter {
    page_for(app, handler, Permission::Inference)
}

fn page_for(
    app: &Arc<App>,
    handler: Handler,
    permission: Permission,
) -> axum::routing::MethodRouter {
    let app = Arc::clone(app);
    get(move |request: Request| {
        serve_page(Arc::clone(&app), Arc::clone(&handler), permission, request)
    })
}

/// Answers a page: to somebody signed in the page, to anyone else the way to the sign-in form.
async fn serve_page(
    app: Arc<App>,
    handler: Handler,
    permission: Permission,
    request: Request,
) -> Response {
    let id = serve::request_id(&app);
    let (parts, _body) = request.into_parts();
    let now = app.platform.now();
    let who = identify::identify(&app, now, &parts.method, &parts.headers, "console");
    let Ok(Identified { caller, session }) = who else {
        return serve::finish(Ok(session::to_sign_in(&parts.uri)), &id);
    };
    let allowed = access::require_permission(&caller, permission);
    let answer = match allowed {
        Ok(()) => {
            let (asked, told) = (consents::asked(&parts), Arc::clone(&app));
            let page = handler(Visit { app, caller: caller.clone(), session, parts }).await;
            consents::record(&told, &caller, "console", &asked).await.and(page)
        }
        Err(fail) => Err(fail),
    };
    let page = answer.unwrap_or_else(|fail| chrome::problem(&fail, Some(&caller), &id));
    serve::finish(Ok(page), &id)
}
