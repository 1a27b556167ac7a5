//! Signing in at an identity provider from the command line (RFC 8628), and which providers there are.
//!
//! In a browser the same is done by pages of the console, `/sign-in/{id}` and `/sign-in/callback`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::session::SessionBegun,
    problem::Code,
    text::{IdText, NameText},
};

/// A provider as somebody sees it who has not signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInProvider {
    /// Its id.
    #[schemars(with = "IdText<kinds::IdentityProvider>")]
    pub id: Id<kinds::IdentityProvider>,
    /// For people.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Its address.
    pub issuer: String,
}

/// The providers that are shown to everybody, by name; at most 256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInProviders {
    /// The providers.
    pub items: Vec<SignInProvider>,
}

/// Which provider to sign in at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceNew {
    /// The provider's address, its name or its id.
    #[schemars(length(max = 512))]
    pub provider: String,
}

/// A sign-in under way: what the person needs to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceBegun {
    /// Asks how it stands; keep it secret.
    pub handle: String,
    /// To be typed at the provider.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same with the code in it, if the provider offers that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_uri_complete: Option<String>,
    /// Seconds between two questions.
    pub interval_s: u64,
    /// Seconds until it is over.
    pub expires_in_s: u64,
}

/// Which sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceAsked {
    /// Its handle.
    #[schemars(length(max = 128))]
    pub handle: String,
}

/// How a sign-in stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceState {
    /// Seconds after which to ask again; absent when somebody has signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_again_in_s: Option<u64>,
    /// The session that has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<SessionBegun>,
}

/// `GET /api/v1/sign-in/providers`: where one can sign in.
#[derive(Debug)]
pub struct SignInProviderList;

impl Endpoint for SignInProviderList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/sign-in/providers";
    const ID: &'static str = "sign_in_provider_list";
    const SUMMARY: &'static str = "List the identity providers that are shown to everybody";
    const PERMISSION: Permission = Permission::Public;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = SignInProviders;
}

/// `POST /api/v1/sign-in/devices`: begin to sign in at a provider without a browser.
#[derive(Debug)]
pub struct SignInDeviceCreate;

impl Endpoint for SignInDeviceCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/sign-in/devices";
    const ID: &'static str = "sign_in_device_create";
    const SUMMARY: &'static str = "Begin to sign in at a provider without a browser";
    const DESCRIPTION: &'static str = "The device authorisation flow of RFC 8628. The platform asks the provider and keeps its device code.";
    const PERMISSION: Permission = Permission::Public;
    const ERRORS: &'static [Code] =
        &[Code::Unauthenticated, Code::NotFound, Code::RateLimited, Code::UpstreamFailed];
    const STATUS: u16 = 201;
    const MUTATES: bool = false;
    type Path = Nothing;
    type Query = Nothing;
    type Body = DeviceNew;
    type Response = DeviceBegun;
}

/// `POST /api/v1/sign-in/devices/poll`: ask how it stands.
#[derive(Debug)]
pub struct SignInDevicePoll;

impl Endpoint for SignInDevicePoll {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/sign-in/devices/poll";
    const ID: &'static str = "sign_in_device_poll";
    const SUMMARY: &'static str = "Ask whether somebody has signed in, and get the session, once";
    const PERMISSION: Permission = Permission::Public;
    const ERRORS: &'static [Code] =
        &[Code::Unauthenticated, Code::Forbidden, Code::RateLimited, Code::UpstreamFailed];
    const MUTATES: bool = false;
    type Path = Nothing;
    type Query = Nothing;
    type Body = DeviceAsked;
    type Response = DeviceState;
}
