//! Typed identifiers: sixteen UUIDv7 bytes in memory, `job_01j…` in text.
//!
//! The kind is part of the type, so a project id cannot be passed where a workload id is meant.
//! Minting needs a clock and randomness and therefore never happens here: shells hand in both.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Crockford's base 32 in lower case, as TypeID uses it: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Value of each byte as a digit; `NOT_A_DIGIT` for all others.
const DIGITS: [u8; 256] = digits();
const NOT_A_DIGIT: u8 = 0xff;
/// 128 bits in groups of five, the first group holding three bits.
const SUFFIX_LEN: usize = 26;
/// Most letters of a prefix.
const PREFIX_LEN_MAX: usize = 8;

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated at compile time over 32 digits and 256 places: a fault would not compile"
)]
const fn digits() -> [u8; 256] {
    let mut table = [NOT_A_DIGIT; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        table[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
}

/// What an id names; implemented by the markers in [`kinds`] only.
pub trait IdKind: Copy + Ord + fmt::Debug + 'static {
    /// Text before the underscore, unique in the registry.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
        /// The one registry of id kinds.
        pub mod kinds {
            $($(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
            pub struct $name;
            impl super::IdKind for $name { const PREFIX: &'static str = $prefix; })*
            /// Every prefix, for documentation and for the test that they differ.
            pub const PREFIXES: &[&str] = &[$($prefix),*];
        }
    };
}

kinds! {
    /// A site: one place with a country, an operator and a power cap.
    Site = "site";
    /// A machine of a site.
    Node = "node";
    /// A tenant.
    Organisation = "org";
    /// A project of an organisation: the unit of access, budget and billing.
    Project = "prj";
    /// An API key.
    Key = "key";
    /// A person, whose name and address are kept beside the log.
    User = "usr";
    /// People who are given roles together.
    Group = "grp";
    /// A program's identity, with an owner and an end.
    ServiceAccount = "sva";
    /// A set of permissions that an organisation named.
    Role = "rol";
    /// A role given to somebody somewhere.
    Binding = "bnd";
    /// An organisation's own identity provider.
    IdentityProvider = "idp";
    /// A server of models elsewhere, registered by its URL.
    Upstream = "ups";
    /// A tenant's permission for support to look.
    Consent = "cns";
    /// Something that must be destroyed, and the proof that it was.
    Erasure = "era";
    /// A course: a roster with budgets and an end.
    Course = "crs";
    /// A legal entity that owns, runs or controls something.
    Entity = "ent";
    /// A place where data is kept: artefacts, the log, a copy of it, a backup.
    Storage = "sto";
    /// A piece of evidence for a sovereignty score.
    Evidence = "evd";
    /// A set of Cedar policies in force for a scope.
    Policy = "pol";
    /// A budget that blocks.
    Budget = "bud";
    /// A quota of a class of GPU.
    Quota = "quo";
    /// A limit of what somebody may ask of models.
    RateLimit = "lim";
    /// A block of nodes reserved for a window of time.
    Reservation = "rsv";
    /// A power budget, or what a class of machines draws.
    Power = "pow";
    /// A price list.
    Price = "prc";
    /// A workload: train, batch, eval, finetune, dev or service.
    Workload = "job";
    /// A dataset with its versions.
    Dataset = "ds";
    /// A model with its versions.
    Model = "mdl";
    /// A public model name with services behind it.
    Endpoint = "ep";
    /// An invoice.
    Invoice = "inv";
    /// One running gateway process; usage roll-ups are numbered within it.
    Gateway = "gw";
    /// One HTTP request, for logs and problem documents.
    Request = "req";
}

/// A typed identifier; ordered by creation time (UUIDv7), then randomness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id<K: IdKind>([u8; 16], PhantomData<K>);

impl<K: IdKind> Id<K> {
    /// Makes an id from a time and ten random bytes (RFC 9562 §5.7: version 7, variant 10).
    #[must_use]
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        let [.., t0, t1, t2, t3, t4, t5] = unix_ms.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random;
        let bytes = [
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            0x70 | (r0 & 0x0f),
            r1,
            0x80 | (r2 & 0x3f),
            r3,
            r4,
            r5,
            r6,
            r7,
            r8,
            r9,
        ];
        Self(bytes, PhantomData)
    }

    /// Takes sixteen bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes, PhantomData)
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl<K: IdKind> Id<K> {
    /// Looks at the text form, which is on the stack: ids are written with every request.
    fn with_text<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        const { assert!(K::PREFIX.len() <= PREFIX_LEN_MAX, "a prefix is short") };
        let mut text = [b'0'; PREFIX_LEN_MAX + 1 + SUFFIX_LEN];
        let (start, suffix) = text.split_at_mut(PREFIX_LEN_MAX + 1);
        let mut rest = u128::from_be_bytes(self.0);
        for slot in suffix.iter_mut().rev() {
            let digit = usize::try_from(rest & 31).unwrap_or(0);
            *slot = ALPHABET.get(digit).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        let from = start.len().saturating_sub(K::PREFIX.len().saturating_add(1));
        let name = K::PREFIX.bytes().chain([b'_']);
        start.iter_mut().skip(from).zip(name).for_each(|(slot, byte)| *slot = byte);
        // Prefixes and digits are ASCII: the text is never anything else.
        look(std::str::from_utf8(text.get(from..).unwrap_or_default()).unwrap_or_default())
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError {
    /// The prefix that was expected, without the underscore.
    pub expected_prefix: &'static str,
    /// The text given, cut to 80 characters.
    pub text: String,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an id of this kind: expected `{}_` and {SUFFIX_LEN} characters",
            self.text, self.expected_prefix
        )
    }
}

impl std::error::Error for ParseIdError {}

/// The 128 bits of 26 digits, or none if one of them is no digit or there are more bits.
fn value_of(suffix: &[u8; SUFFIX_LEN]) -> Option<u128> {
    // Twice twelve digits fit into 64 bits each, which is much faster than 128 bits all the way.
    let [first, rest @ .., last] = suffix;
    let (upper, lower) = rest.split_at(12);
    // Digits have five bits: a higher bit says that something was none.
    let mut seen = 0;
    let mut join = |digits: &[u8]| {
        digits.iter().fold(0_u64, |value, byte| {
            let digit = DIGITS.get(usize::from(*byte)).copied().unwrap_or(NOT_A_DIGIT);
            seen |= digit;
            (value << 5) | u64::from(digit)
        })
    };
    let (upper, lower) = (join(upper), join(lower));
    let (first, last) = (join(&[*first]), join(&[*last]));
    // The first digit holds three bits only.
    if seen > 31 || first > 7 {
        return None;
    }
    let [first, upper, lower, last] = [first, upper, lower, last].map(u128::from);
    Some((first << 125) | (upper << 65) | (lower << 5) | last)
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let refuse =
            || ParseIdError { expected_prefix: K::PREFIX, text: text.chars().take(80).collect() };
        let suffix = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(|rest| <&[u8; SUFFIX_LEN]>::try_from(rest.as_bytes()).ok())
            .ok_or_else(refuse)?;
        let value = value_of(suffix).ok_or_else(refuse)?;
        Ok(Self(value.to_be_bytes(), PhantomData))
    }
}

impl<K: IdKind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<K>(PhantomData<K>);
        impl<K: IdKind> de::Visitor<'_> for Visitor<K> {
            type Value = Id<K>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an id starting with `{}_`", K::PREFIX)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id<K>, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor(PhantomData))
    }
}
