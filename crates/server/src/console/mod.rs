//! The console: pages made on the server, without scripts. Each shows what an API handler answers,
//! by calling that handler; each links to its JSON twin.
//!
//! A page never changes anything but the session's cookie.

mod artefacts;
mod chrome;
mod costs;
mod events;
mod overview;
mod session;
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

use crate::http::{App, access, caller, caller::Caller, fail::Fail, serve};

pub(crate) use chrome::{Layout, render};

/// A page's request: who asks, for what.
pub(crate) struct Visit {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    pub(crate) parts: Parts,
}

/// Adds the pages.
pub(crate) fn mount(router: Router, app: &Arc<App>) -> Router {
    let page = |handler| page_route(app, handler);
    let (sign_in, sign_out) = (Arc::clone(app), Arc::clone(app));
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
            get(session::form)
                .post(move |request: Request| session::sign_in(Arc::clone(&sign_in), request)),
        )
        .route(
            "/logout",
            post(move |request: Request| ready(session::sign_out(&sign_out, &request))),
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
    let app = Arc::clone(app);
    get(move |request: Request| serve_page(Arc::clone(&app), Arc::clone(&handler), request))
}

/// Answers a page: to somebody signed in the page, to anyone else the way to the sign-in form.
async fn serve_page(app: Arc<App>, handler: Handler, request: Request) -> Response {
    let id = serve::request_id(&app);
    let (parts, _body) = request.into_parts();
    let now = app.platform.now();
    let caller =
        app.platform.read(|state| caller::identify(state, now, &parts.method, &parts.headers));
    let Ok(caller) = caller else { return session::to_sign_in() };
    let allowed = access::require_permission(&caller, Permission::Viewer);
    let answer = match allowed {
        Ok(()) => handler(Visit { app, caller: caller.clone(), parts }).await,
        Err(fail) => Err(fail),
    };
    let page = answer.unwrap_or_else(|fail| chrome::problem(&fail, Some(&caller), &id));
    serve::finish(Ok(page), &id)
}
