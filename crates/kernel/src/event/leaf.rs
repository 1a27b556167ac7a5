//! A fast reader of leaves, for the JSON that [`Entry::to_leaf`](super::Entry::to_leaf) writes: no
//! white space, whole numbers, one text for each value.
//!
//! It answers only what `serde_json` would answer for the same bytes, and gives up on whatever it
//! does not know ([`Odd`]), which it need not explain: the caller then asks `serde_json`, which
//! accepts or refuses. So it decides nothing about the format, and must never accept more.

mod access;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use access::{Items, Unit, Variant};

/// Reads a whole leaf; nothing if `serde_json` must be asked.
#[inline]
pub(super) fn read<'de, T: Deserialize<'de>>(leaf: &'de [u8]) -> Option<T> {
    let mut reader = Reader { text: std::str::from_utf8(leaf).ok()?, at: 0 };
    let value = T::deserialize(&mut reader).ok()?;
    (reader.at == reader.text.len()).then_some(value)
}

/// Not what this reader knows, or not what the type wants.
#[derive(Debug)]
struct Odd;

type Known<T> = Result<T, Odd>;

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not of the form in which leaves are written")
    }
}

impl std::error::Error for Odd {}

impl de::Error for Odd {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self
    }
}

/// The text and how far it is read.
struct Reader<'de> {
    text: &'de str,
    at: usize,
}

/// A string as it stands between its quotes.
enum Text<'de> {
    Plain(&'de str),
    // With escapes, quotes included.
    Escaped(&'de str),
}

impl<'de> Reader<'de> {
    fn rest(&self) -> &'de [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, n_bytes: usize) {
        self.at = self.at.saturating_add(n_bytes);
    }

    /// Takes a byte if it is this one.
    #[inline]
    fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.skip(1);
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Known<()> {
        if self.takes(byte) { Ok(()) } else { Err(Odd) }
    }

    /// Takes this word if it comes next. What follows it is checked by who reads on.
    fn takes_word(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word.as_bytes());
        if found {
            self.skip(word.len());
        }
        found
    }

    /// Takes a string.
    #[inline]
    fn string(&mut self) -> Known<Text<'de>> {
        let opened = self.at;
        self.expect(b'"')?;
        let start = self.at;
        self.skip(plain_len(self.rest()));
        let end = self.at;
        if self.takes(b'"') {
            return self.text.get(start..end).map(Text::Plain).ok_or(Odd);
        }
        self.skip_escapes()?;
        self.text.get(opened..self.at).map(Text::Escaped).ok_or(Odd)
    }

    /// Goes on from the first escape of a string to its end.
    #[cold]
    fn skip_escapes(&mut self) -> Known<()> {
        while !self.takes(b'"') {
            // Control characters must be escaped.
            self.expect(b'\\')?;
            self.skip(1);
            self.skip(plain_len(self.rest()));
        }
        Ok(())
    }

    /// Takes this name if it comes next. `name` has nothing that is escaped.
    #[inline]
    fn takes_name(&mut self, name: &str) -> bool {
        let rest = self.rest().strip_prefix(b"\"");
        let rest = rest.and_then(|rest| rest.strip_prefix(name.as_bytes()));
        let found = rest.is_some_and(|rest| rest.starts_with(b"\""));
        if found {
            self.skip(name.len().saturating_add(2));
        }
        found
    }

    /// Takes a name: a string without escapes.
    fn name(&mut self) -> Known<&'de str> {
        match self.string()? {
            Text::Plain(text) => Ok(text),
            Text::Escaped(_) => Err(Odd),
        }
    }

    /// Takes the digits of a whole number. A fraction or exponent is left, where nobody expects it.
    fn digits(&mut self) -> Known<u64> {
        if self.takes(b'0') {
            // No digit may follow: whoever reads on expects none.
            return Ok(0);
        }
        let mut value = 0_u64;
        let mut n_digits = 0_usize;
        for byte in self.rest() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            let shifted = value.checked_mul(10).ok_or(Odd)?;
            value = shifted.checked_add(u64::from(digit)).ok_or(Odd)?;
            n_digits = n_digits.saturating_add(1);
        }
        self.skip(n_digits);
        if n_digits == 0 { Err(Odd) } else { Ok(value) }
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Known<V::Value> {
        if self.takes(b'-') {
            // Minus zero is a float to `serde_json`.
            let value = self.digits()?;
            match 0_i64.checked_sub_unsigned(value) {
                Some(value) if value < 0 => visitor.visit_i64(value),
                Some(_) | None => Err(Odd),
            }
        } else {
            visitor.visit_u64(self.digits()?)
        }
    }
}

/// How many bytes from the start are plain: no quote, no backslash, no control character.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    // The high bit of each byte below `limit` (at most 128) is set; bytes above a set one may be
    // set wrongly, so only the lowest counts (Bit Twiddling Hacks, "hasless").
    let less = |word: u64, limit: u64| word.wrapping_sub(ONES.wrapping_mul(limit)) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    let mut len = 0_usize;
    for chunk in words {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ ONES.wrapping_mul(u64::from(b'"'));
        let backslash = word ^ ONES.wrapping_mul(u64::from(b'\\'));
        let ends = less(word, 0x20) | less(quote, 1) | less(backslash, 1);
        if ends != 0 {
            return len.saturating_add(usize::try_from(ends.trailing_zeros() / 8).unwrap_or(0));
        }
        len = len.saturating_add(8);
    }
    let is_end = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    len.saturating_add(tail.iter().position(is_end).unwrap_or(tail.len()))
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Known<V::Value> {
            self.number(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Odd;

    /// Only types that say what they want can be read; also floats, bytes and unknown fields end
    /// here.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Known<V::Value> {
        Err(Odd)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Known<V::Value> {
        if self.takes_word("false") {
            visitor.visit_bool(false)
        } else if self.takes_word("true") {
            visitor.visit_bool(true)
        } else {
            Err(Odd)
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Known<V::Value> {
        match self.string()? {
            Text::Plain(text) => visitor.visit_borrowed_str(text),
            Text::Escaped(quoted) => {
                visitor.visit_string(serde_json::from_str(quoted).map_err(|_| Odd)?)
            }
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Known<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Known<V::Value> {
        visitor.visit_borrowed_str(self.name()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Known<V::Value> {
        if self.takes_word("null") { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Known<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Known<V::Value> {
        self.expect(b'[')?;
        let mut items = Items::new(self, b']', &[]);
        let value = visitor.visit_seq(&mut items)?;
        items.end(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Known<V::Value> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Known<V::Value> {
        self.expect(b'{')?;
        let mut items = Items::new(self, b'}', fields);
        let value = visitor.visit_map(&mut items)?;
        items.end(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Known<V::Value> {
        if self.takes(b'{') {
            let value = visitor.visit_enum(Variant(self))?;
            self.expect(b'}')?;
            Ok(value)
        } else {
            visitor.visit_enum(Unit(self))
        }
    }
}
