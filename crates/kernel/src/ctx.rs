//! What a decision may know of the world: the time, who asks, and fresh randomness for ids.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{Id, IdKind, UnixMicros, kinds};

/// Who caused a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// Somebody holding this API key.
    Key(Id<kinds::Key>),
    /// Somebody who has signed in.
    User(Id<kinds::User>),
    /// A program with an identity of its own.
    ServiceAccount(Id<kinds::ServiceAccount>),
    /// The platform itself: first start, importers, clocks.
    System,
    /// The scheduler, which only proposes.
    Planner,
    /// An execution engine reporting what it saw.
    Engine,
    /// A gateway reporting usage.
    Gateway,
}

/// The inputs of a decision that are not in the state.
#[derive(Debug, Clone, Copy)]
pub struct Ctx {
    /// The sequencer's time: strictly larger than that of every entry before.
    pub now: UnixMicros,
    /// Who asks.
    pub actor: Actor,
    /// Ten fresh random bytes; ids of one command differ by a counter folded in.
    pub random: [u8; 10],
}

impl Ctx {
    /// The `n`-th fresh id of this command.
    #[must_use]
    pub fn id<K: IdKind>(&self, n: u16) -> Id<K> {
        let [a, b, rest @ ..] = self.random;
        let [x, y] = n.to_be_bytes();
        let [c, d, e, f, g, h, i, j] = rest;
        // The counter goes to the low bytes: the high ones hold the version and variant bits.
        Id::from_parts(self.now.millis(), [a, b, c, d, e, f, g, h, i ^ x, j ^ y])
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::User(id) => id.fmt(f),
            Self::ServiceAccount(id) => id.fmt(f),
            Self::System => f.write_str("system"),
            Self::Planner => f.write_str("planner"),
            Self::Engine => f.write_str("engine"),
            Self::Gateway => f.write_str("gateway"),
        }
    }
}

impl FromStr for Actor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "system" => Ok(Self::System),
            "planner" => Ok(Self::Planner),
            "engine" => Ok(Self::Engine),
            "gateway" => Ok(Self::Gateway),
            // Ids say what they name; the message about one that is none is that of a key.
            other => other
                .parse()
                .map(Self::Key)
                .or_else(|error| other.parse().map(Self::User).map_err(|_| error))
                .or_else(|error| other.parse().map(Self::ServiceAccount).map_err(|_| error))
                .map_err(|error: units::ParseIdError| error.to_string()),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        units::deserialize_text(d)
    }
}
