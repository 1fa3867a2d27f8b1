//! From an object to what an endpoint works with. A value of another type is told under its field with the words of Django REST framework,
//! which scripts and clients of the original know; and what that reads all the same is read here too.

use deis_api::Code;
use serde::de::value::Error as Stopped;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::error::Error;

/// Decodes it.
///
/// # Errors
/// [`Error::Field`] for a field of another type, [`Error::Refused`] for what is wrong deeper inside.
pub(super) fn decode<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Error> {
    let fields = fields_of::<T>();
    let mut object = Value::Object(object);
    // Each field is read otherwise once at most.
    for _ in fields {
        let error = match serde_path_to_error::deserialize(&object) {
            Ok(decoded) => return Ok(decoded),
            Err(error) => error,
        };
        let Some((field, expected)) = field_of(&error, fields) else { break };
        let Some(value) = object.get_mut(field) else { break };
        match otherwise(value, expected_of(&expected)) {
            Some(otherwise) => *value = otherwise,
            None => match told(value, expected_of(&expected)) {
                Some(message) => return Err(Error::field(field, message)),
                None => break,
            },
        }
    }
    serde_path_to_error::deserialize(&object).map_err(|error| undecodable(&error))
}

/// What Django REST framework says of a body that is no object.
pub(super) fn no_object(body: &Value) -> Error {
    let message = match body {
        Value::Null => "No data provided".to_owned(),
        body => format!("Invalid data. Expected a dictionary, but got {}.", type_of(body)),
    };
    Error::field("non_field_errors", message)
}

type Undecodable = serde_path_to_error::Error<serde_json::Error>;

/// The field that is of another type, and what the decoder says of it; nothing where it is a value within a field.
fn field_of(error: &Undecodable, fields: &'static [&'static str]) -> Option<(&'static str, String)> {
    let mut path = error.path().iter();
    let (Some(Segment::Map { key }), None) = (path.next(), path.next()) else { return None };
    let field = fields.iter().find(|field| *field == key)?;
    Some((field, error.inner().to_string()))
}

/// `invalid type: integer `5`, expected a string` → `a string`; of anything else nothing.
fn expected_of(sentence: &str) -> &str {
    let expected = sentence.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "));
    expected.map_or("", |(_, expected)| expected)
}

/// A number stands for its text, and digits for their number.
fn otherwise(value: &Value, expected: &str) -> Option<Value> {
    match value {
        Value::Number(number) if expected == "a string" => Some(Value::String(number.to_string())),
        Value::String(text) if is_integer(expected) => text.trim().parse::<i64>().ok().map(Value::from),
        _ => None,
    }
}

fn told(value: &Value, expected: &str) -> Option<String> {
    let text = match expected {
        "a string" => "Not a valid string.".to_owned(),
        "a boolean" => "Must be a valid boolean.".to_owned(),
        integer if is_integer(integer) => "A valid integer is required.".to_owned(),
        "a sequence" => format!("Expected a list of items but got type \"{}\".", type_of(value)),
        object if object.starts_with("a map") || object.starts_with("an object") => {
            format!("Expected a dictionary of items but got type \"{}\".", type_of(value))
        }
        _ => return None,
    };
    Some(if value.is_null() { "This field may not be null.".to_owned() } else { text })
}

fn is_integer(expected: &str) -> bool {
    matches!(expected, "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64")
}

/// As the original's language calls it.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Sentences of our own say what they are about; those of the decoder are told with the field.
fn undecodable(error: &Undecodable) -> Error {
    let (path, sentence) = (error.path().to_string(), error.inner().to_string());
    let is_bare = ["invalid ", "expected ", "unknown "].iter().any(|begin| sentence.starts_with(begin));
    let message = if is_bare && path != "." { format!("{path}: {sentence}") } else { sentence };
    Error::refused(Code::InvalidArgument, message)
}

/// The names of a struct's fields; none of what is no struct.
fn fields_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields = [].as_slice();
    // It always stops there, with the names.
    drop(T::deserialize(Fields(&mut fields)));
    fields
}

/// Reads nothing but what a struct says that it is made of.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Stopped;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stopped> {
        Err(Stopped::custom("no struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Stopped> {
        *self.0 = fields;
        Err(Stopped::custom("the names are known"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Form {
        name: String,
        note: Option<String>,
        count: Option<i64>,
        small: u8,
        sure: bool,
        items: Vec<String>,
        parts: BTreeMap<String, u32>,
    }

    fn decoded(body: Value) -> Result<Form, String> {
        let Value::Object(object) = body else { panic!("{body}") };
        decode(object).map_err(|error| match error {
            Error::Field { field, message, .. } => format!("{field}: {message}"),
            error => error.to_string(),
        })
    }

    #[test]
    fn a_value_of_another_type_is_told_under_its_field() {
        let table = [
            json!({ "name": ["x"] }),
            json!({ "name": { "x": 1 } }),
            json!({ "name": true }),
            json!({ "name": null }),
            json!({ "note": [] }),
            json!({ "count": "many" }),
            json!({ "count": 1.5 }),
            json!({ "count": [1] }),
            json!({ "small": null }),
            json!({ "sure": "perhaps" }),
            json!({ "items": "x" }),
            json!({ "items": null }),
            json!({ "parts": [1, 2] }),
            json!({ "parts": 1.5 }),
            // Deeper inside, and where the type is right, the decoder's own words have to do.
            json!({ "items": [1] }),
            json!({ "parts": { "web": "x" } }),
            json!({ "small": 256 }),
        ];
        let told = table.map(|body| format!("{body}: {}", decoded(body.clone()).unwrap_err()));
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn numbers_stand_for_their_text_and_digits_for_their_number() {
        let body = json!({ "name": 7, "note": 1.5, "count": " -3 ", "small": "8", "other": [] });
        let form =
            Form { name: "7".to_owned(), note: Some("1.5".to_owned()), count: Some(-3), small: 8, ..Form::default() };
        assert_eq!(decoded(body), Ok(form));
        assert_eq!(decoded(json!({})), Ok(Form::default()));
    }

    #[test]
    fn what_is_no_object_is_told_as_a_whole() {
        let told = [json!([]), json!("x"), json!(1), json!(1.5), json!(true), json!(null)].map(|body| no_object(&body));
        insta::assert_snapshot!(told.map(|error| error.to_string()).join("\n"));
    }
}
