//! Sessions: signing in with a name and a password, seeing where one is signed in, signing out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Name;

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    problem::Code,
    text::{NameText, Timestamp},
};

/// How somebody signed in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SignInMeans {
    /// With an API key, on the console.
    Key,
    /// With a name and a password.
    Password,
    /// At an identity provider.
    Provider,
}

/// What a session is used with.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SignInDevice {
    /// The console in a browser: ends after 8 hours without use, and after a day.
    Browser,
    /// The command line: ends after 7 days without use, and after 30 days.
    CommandLine,
}

/// A session, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Names it; opens nothing.
    pub handle: String,
    /// How its person signed in.
    pub means: SignInMeans,
    /// With what.
    pub device: SignInDevice,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// When it ends unless it is used.
    pub ends_at: Timestamp,
    /// True for the session that asks.
    pub current: bool,
}

/// All sessions of the caller, the newest first; at most 32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionItems {
    /// The sessions.
    pub items: Vec<Session>,
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionNew {
    /// The account's name: an e-mail address or a user name.
    pub user: String,
    /// The password.
    pub password: String,
    /// The organisation that the account belongs to; absent for those who run the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub organisation: Option<Name>,
}

impl std::fmt::Debug for SessionNew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with the password, nor with the name: both may end up in a log.
        f.debug_struct("SessionNew").finish_non_exhaustive()
    }
}

/// A session that has begun, with its secret, which is shown only this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionBegun {
    /// The session.
    pub session: Session,
    /// The bearer token.
    pub secret: String,
}

/// The session in a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionPath {
    /// A handle, or `current` for the session that asks.
    #[schemars(length(max = 64))]
    pub id: String,
}

/// `POST /api/v1/sessions`: sign in with a name and a password.
#[derive(Debug)]
pub struct SessionCreate;

impl Endpoint for SessionCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/sessions";
    const ID: &'static str = "session_create";
    const SUMMARY: &'static str = "Sign in with a name and a password";
    const DESCRIPTION: &'static str = "The answer is the same for a wrong password and for a name that nobody has. \
                                       After five failures each further one makes the next attempt wait, at most a minute.";
    const PERMISSION: Permission = Permission::Public;
    const ERRORS: &'static [Code] = &[Code::Unauthenticated, Code::RateLimited];
    const STATUS: u16 = 201;
    const MUTATES: bool = false;
    type Path = Nothing;
    type Query = Nothing;
    type Body = SessionNew;
    type Response = SessionBegun;
}

/// `GET /api/v1/sessions`: where the caller is signed in.
#[derive(Debug)]
pub struct SessionList;

impl Endpoint for SessionList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/sessions";
    const ID: &'static str = "session_list";
    const SUMMARY: &'static str = "List the caller's own sessions";
    const DESCRIPTION: &'static str = "Any valid key or session may ask.";
    const PERMISSION: Permission = Permission::Inference;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = SessionItems;
}

/// `DELETE /api/v1/sessions/{id}`: end a session of the caller.
#[derive(Debug)]
pub struct SessionEnd;

impl Endpoint for SessionEnd {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/sessions/{id}";
    const ID: &'static str = "session_end";
    const SUMMARY: &'static str = "End one of the caller's own sessions";
    const DESCRIPTION: &'static str = "`current` ends the session that asks: signing out.";
    const PERMISSION: Permission = Permission::Inference;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const MUTATES: bool = false;
    type Path = SessionPath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Nothing;
}
