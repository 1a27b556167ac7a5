//! What stands inside brackets and braces, element by element. A closing bracket is taken where the
//! last element ends, and whoever stops before it has not read what is there.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::de::{Deserializer as _, value::BorrowedStrDeserializer};

use super::{Known, Odd, Reader};

/// The elements of a list, or the pairs of an object or map, up to the closing bracket.
pub(super) struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    closing: u8,
    // Names still to come if they come in the order in which they are written.
    fields: &'static [&'static str],
    is_first: bool,
    ended: bool,
}

/// Names that are tried before reading whatever name there is: one more than may be left out.
const NAMES_TRIED: usize = 2;

impl<'r, 'de> Items<'r, 'de> {
    /// Items up to `closing`; for a struct with the names of its fields.
    pub(super) fn new(
        reader: &'r mut Reader<'de>,
        closing: u8,
        fields: &'static [&'static str],
    ) -> Self {
        Self { reader, closing, fields, is_first: true, ended: false }
    }

    /// Takes a name. To compare it with the one that is due is faster than to look for its end.
    fn name(&mut self) -> Known<&'de str> {
        for (skipped, name) in self.fields.iter().take(NAMES_TRIED).enumerate() {
            if self.reader.takes_name(name) {
                self.fields = self.fields.get(skipped.saturating_add(1)..).unwrap_or_default();
                return Ok(name);
            }
        }
        self.reader.name()
    }

    /// Takes the separator before an item and answers true, or takes the end.
    fn goes_on(&mut self) -> Known<bool> {
        if self.reader.takes(self.closing) {
            self.ended = true;
            return Ok(false);
        }
        if !std::mem::take(&mut self.is_first) {
            self.reader.expect(b',')?;
        }
        Ok(true)
    }

    /// The value that was made of the items, if that took them all.
    pub(super) fn end<T>(&self, value: T) -> Known<T> {
        if self.ended { Ok(value) } else { Err(Odd) }
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Odd;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Known<Option<T::Value>> {
        if !self.goes_on()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = Odd;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Known<Option<K::Value>> {
        if !self.goes_on()? {
            return Ok(None);
        }
        seed.deserialize(BorrowedStrDeserializer::new(self.name()?)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Known<V::Value> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A variant without content: its name alone.
pub(super) struct Unit<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Unit<'_, 'de> {
    type Error = Odd;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Known<(V::Value, Self)> {
        let variant = seed.deserialize(&mut *self.0)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Unit<'_, 'de> {
    type Error = Odd;

    fn unit_variant(self) -> Known<()> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Known<T::Value> {
        Err(Odd)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Known<V::Value> {
        Err(Odd)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Known<V::Value> {
        Err(Odd)
    }
}

/// A variant with content: an object of one field.
pub(super) struct Variant<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Odd;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Known<(V::Value, Self)> {
        let variant = seed.deserialize(&mut *self.0)?;
        self.0.expect(b':')?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Odd;

    /// `serde_json` takes `{"name":null}` too, which is never written.
    fn unit_variant(self) -> Known<()> {
        Err(Odd)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Known<T::Value> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Known<V::Value> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Known<V::Value> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
