//! The server: the platform around the state machine, its HTTP handlers and its console.
//!
//! Invariant: every handler authorises through one function. Effects are level-triggered loops over
//! the state; nothing here changes it but through the sequencer.

mod console;
mod exit;
mod http;
mod platform;
mod scim;
mod sign_in;
pub mod tenants;
pub mod witness;

pub use http::router;
pub use kernel::{node::Topology, site::Config as SiteConfig};
pub use platform::{
    AddCapturedError, AnswerFinder, AnswerPath, Assigned, Assignments, CallAccount, CallAllowance,
    CallFigure, CallFigures, CallLevel, CallRefused, CallRoom, CallRoute, CallStanding,
    CallUpstream, CallableModel, Calling, Capture, CaptureClosing, CaptureSpool, CaptureTaking,
    CaptureWaiting, CapturedLine, Captures, ContentError, DeclaredFlow, DroppedCounts,
    DroppedRecords, KeptAnswer, LocalHeld, MaterialiseError, ModelSigner, OpenError, Platform,
    PlatformConfig, SeenLoad, SeenReplica, SharedSpool, SignatureError, SignedFile, SubmitFailure,
    TokenUsage, UpstreamAccess, UpstreamError, courses, drains, erasures, importer,
    model_public_key, planner, scaling, verify_model,
};
pub use sign_in::{
    SignInError,
    capability::{Attenuation, CapabilityError, CarriedCapability, Described, attenuate, describe},
};
