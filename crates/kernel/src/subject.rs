//! What an event is about: any resource of the platform, by its typed id.

use std::fmt;

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

macro_rules! subject {
    ($($name:ident),*) => {
        /// The resource that an event is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Subject {
            $(#[doc = concat!("A resource of kind ", stringify!($name), ".")] $name(Id<kinds::$name>),)*
        }
        impl fmt::Display for Subject {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$name(id) => id.fmt(f),)* }
            }
        }
        $(impl From<Id<kinds::$name>> for Subject {
            fn from(id: Id<kinds::$name>) -> Self { Self::$name(id) }
        })*
    };
}

subject!(
    Site,
    Node,
    Organisation,
    Project,
    Key,
    Policy,
    Budget,
    Quota,
    RateLimit,
    Reservation,
    Power,
    Price,
    Workload,
    Dataset,
    Model,
    Endpoint,
    Gateway,
    Entity,
    Storage,
    Evidence,
    User,
    Group,
    ServiceAccount,
    Role,
    Binding,
    Erasure,
    Course,
    IdentityProvider,
    Consent,
    Upstream
);
