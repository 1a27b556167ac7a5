//! One level of a JSON object: its fields in order, each value as the text it came as.
//!
//! Values that are not looked at are passed on byte for byte, so no number loses digits and no
//! field is dropped. Nesting is checked before anything recursive runs; keys must not repeat, so
//! that the gateway and the engine cannot read different values from one body.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::splice::after_string;

/// Most fields on the top level of an object.
const FIELDS_MAX: usize = 256;
/// Fields that a request mostly has, at most.
const FIELDS_MOSTLY: usize = 8;
/// Deepest nesting of arrays and objects.
const DEPTH_MAX: usize = 128;

/// The fields of an object; values are valid JSON texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fields<'a> {
    entries: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Fields<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// When the bytes are not one JSON object in UTF-8, nest too deep, have too many fields or
    /// repeat one.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        if !depth_within(bytes, DEPTH_MAX) {
            return Err(serde_json::Error::custom(format!("nested deeper than {DEPTH_MAX}")));
        }
        serde_json::from_slice(bytes)
    }

    /// The JSON text of a field; a field that is `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.entries.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_ref()).filter(|value| *value != "null")
    }

    /// The JSON text of a field as it came, for as long as the body lives; nothing for one that was set
    /// here.
    pub(crate) fn source(&self, name: &str) -> Option<&'a str> {
        let found = self.entries.iter().find(|(key, _)| key == name)?;
        match found.1 {
            Cow::Borrowed(text) => Some(text).filter(|text| *text != "null"),
            Cow::Owned(_) => None,
        }
    }

    /// The fields in their order, those that are `null` too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// Whether a field is there, `null` included.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key == name)
    }

    /// Replaces a field in its place or appends it; `json` must be a JSON text.
    pub(crate) fn set(&mut self, name: &str, json: String) {
        match self.entries.iter_mut().find(|(key, _)| key == name) {
            Some((_, value)) => *value = Cow::Owned(json),
            None => self.entries.push((Cow::Owned(name.into()), Cow::Owned(json))),
        }
    }

    /// Removes a field.
    pub(crate) fn remove(&mut self, name: &str) {
        self.entries.retain(|(key, _)| key != name);
    }

    /// The object as JSON.
    pub(crate) fn to_json(&self) -> String {
        let length: usize = self.entries.iter().map(|(k, v)| k.len() + v.len() + 4).sum();
        let mut text = String::with_capacity(length + 2);
        text.push('{');
        for (index, (key, value)) in self.entries.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            quote_into(key, &mut text);
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        text
    }
}

/// A text as a JSON string.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quote_into(text, &mut quoted);
    quoted
}

/// Appends a text as a JSON string.
fn quote_into(text: &str, out: &mut String) {
    let is_plain = |byte: u8| !matches!(byte, 0..=0x1f | b'"' | b'\\');
    if text.bytes().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Whether a JSON text is an array without elements.
pub(crate) fn is_empty_array(json: &[u8]) -> bool {
    let inside = json.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    inside.is_some_and(|inside| inside.trim_ascii().is_empty())
}

/// Whether brackets outside strings never nest deeper than `depth_max`.
fn depth_within(bytes: &[u8], depth_max: usize) -> bool {
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at = at.saturating_add(1);
        match byte {
            // A string without an end hides whatever follows: it is no JSON, which parsing will say.
            b'"' => match after_string(bytes, at) {
                Some(end) => at = end,
                None => return true,
            },
            b'[' | b'{' => depth = depth.saturating_add(1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return false;
        }
    }
    true
}

/// Reads any JSON in which no object has a member twice, at whatever depth.
///
/// # Errors
/// When it is no JSON, nests too deep or has a member twice.
pub(crate) fn each_once(json: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(json).map(|Once(value)| value)
}

/// A name, borrowed unless it is written with escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Fields { entries: Vec::with_capacity(FIELDS_MOSTLY) };
                while let Some(Name(key)) = map.next_key()? {
                    let value: &'de RawValue = map.next_value()?;
                    if fields.entries.len() >= FIELDS_MAX {
                        return Err(M::Error::custom(format!("more than {FIELDS_MAX} fields")));
                    }
                    if fields.has(&key) {
                        return Err(M::Error::custom("a field is given twice"));
                    }
                    fields.entries.push((key, Cow::Borrowed(value.get())));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// A value of which every object has each member once.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Once;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Once, E> {
                Ok(Once(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Once, E> {
                Ok(Once(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Once, E> {
                Ok(Once(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Once, E> {
                Ok(Once(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Once, E> {
                Ok(Once(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Once, E> {
                Ok(Once(value.into()))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Once, S::Error> {
                let mut read = Vec::new();
                while let Some(Once(item)) = items.next_element()? {
                    read.push(item);
                }
                Ok(Once(read.into()))
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Once, M::Error> {
                let mut read = Map::new();
                while let Some(name) = members.next_key::<String>()? {
                    let Once(value) = members.next_value()?;
                    if read.insert(name, value).is_some() {
                        return Err(M::Error::custom("a member is given twice"));
                    }
                }
                Ok(Once(read.into()))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
