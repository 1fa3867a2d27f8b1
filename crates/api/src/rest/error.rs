use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The four shapes of an error's body.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum ErrorBody {
    /// Raised by logic, with every status.
    Detail { detail: String },
    /// 400: field → its messages; `non_field_errors` for what concerns several.
    Fields(BTreeMap<String, Vec<String>>),
    /// 404: an object that is not there, as a bare JSON string.
    Text(String),
    /// 400 of the endpoints that validate a list.
    List(Vec<String>),
}

impl ErrorBody {
    #[must_use]
    pub fn detail(message: impl Into<String>) -> Self {
        Self::Detail { detail: message.into() }
    }

    /// One message about one field.
    #[must_use]
    pub fn field(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Fields(BTreeMap::from([(name.into(), vec![message.into()])]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_survives_a_round_trip() {
        let shapes = [
            (json!({"detail": "Invalid token."}), ErrorBody::detail("Invalid token.")),
            (json!({"id": ["An id is required"]}), ErrorBody::field("id", "An id is required")),
            (json!("No App matches the given query."), ErrorBody::Text("No App matches the given query.".into())),
            (json!(["The address x is not valid"]), ErrorBody::List(vec!["The address x is not valid".into()])),
        ];
        for (body, error) in shapes {
            assert_eq!(serde_json::from_value::<ErrorBody>(body.clone()).unwrap(), error);
            assert_eq!(serde_json::to_value(&error).unwrap(), body);
        }
    }
}
