//! The fields that a type reads, without a value of it.

use serde::de::{self, DeserializeOwned, Visitor, value::Error};
use serde::{Deserializer, forward_to_deserialize_any};

/// The names under which a struct's fields are read.
pub(crate) fn of<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut names = Vec::new();
    let result = T::deserialize(Recorder(&mut names));
    assert!(result.is_err(), "the recorder holds no value");
    names
}

struct Recorder<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Recorder<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.extend_from_slice(fields);
        Err(de::Error::custom("the names are all that is wanted"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
