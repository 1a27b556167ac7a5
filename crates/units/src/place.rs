//! Where things may be: countries and data classes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 3166-1 alpha-2 code in upper case; the shape is checked, not the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII upper-case letters are ever stored.
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

/// How sensitive data is; the order is from open to closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataClass {
    /// Anyone may read it.
    Public,
    /// For the organisation.
    #[default]
    Internal,
    /// For named people.
    Confidential,
    /// Bound to places and people by policy.
    Restricted,
}

impl DataClass {
    /// All classes, from open to closed.
    pub const ALL: [Self; 4] = [Self::Public, Self::Internal, Self::Confidential, Self::Restricted];

    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }
}

/// Why a text is not a country or a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsePlaceError {
    /// The text given, cut to 40 characters.
    pub text: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl fmt::Display for ParsePlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}", self.text, self.expected)
    }
}

impl std::error::Error for ParsePlaceError {}

impl FromStr for Country {
    type Err = ParsePlaceError;
    fn from_str(text: &str) -> Result<Self, ParsePlaceError> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(ParsePlaceError {
                text: text.chars().take(40).collect(),
                expected: "a country: use the two capital letters of ISO 3166-1, such as `FR`",
            }),
        }
    }
}

impl FromStr for DataClass {
    type Err = ParsePlaceError;
    fn from_str(text: &str) -> Result<Self, ParsePlaceError> {
        Self::ALL.into_iter().find(|c| c.as_str() == text).ok_or_else(|| ParsePlaceError {
            text: text.chars().take(40).collect(),
            expected: "a data class: use `public`, `internal`, `confidential` or `restricted`",
        })
    }
}

macro_rules! text_forms {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                crate::deserialize_text(d)
            }
        }
    )*};
}

text_forms!(Country, DataClass);
