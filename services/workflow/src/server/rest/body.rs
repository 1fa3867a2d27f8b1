mod decoder;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use deis_api::Code;
use deis_bootstrap::DeadlineExceeded;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::error::Error;
use crate::limit::Limit;

/// A JSON object. No body at all is an empty one: clients send none where everything is optional.
#[derive(Debug)]
pub(super) struct Object(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(&bytes).map_err(|error| malformed(&error))? {
            Value::Object(fields) => Ok(Self(fields)),
            body => Err(decoder::no_object(&body).into()),
        }
    }
}

impl Object {
    /// Fields that are true or false if they are there; the contract has an answer of its own for what is neither.
    pub(super) fn booleans(self, names: &[&'static str]) -> Result<Self, Error> {
        let is_neither =
            |name: &&&'static str| !matches!(self.0.get(**name), None | Some(Value::Null | Value::Bool(_)));
        match names.iter().find(is_neither) {
            Some(name) => Err(Error::field(name, "Must be a valid boolean.")),
            None => Ok(self),
        }
    }

    /// Decodes it; all of `required` must be there and not be empty.
    pub(super) fn decode<T: DeserializeOwned>(self, required: &[&'static str]) -> Result<T, Error> {
        for name in required {
            match self.0.get(*name) {
                None | Some(Value::Null) => return Err(Error::field(name, "This field is required.")),
                Some(Value::String(text)) if text.is_empty() => {
                    return Err(Error::field(name, "This field may not be blank."));
                }
                Some(_) => {}
            }
        }
        decoder::decode(self.0)
    }
}

pub(super) fn unread(rejection: BytesRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Error::Beyond { limit: Limit::Body, message: "The body is larger than 1 MiB." }
    } else if is_late(&rejection) {
        Error::Beyond { limit: Limit::BodyTime, message: "The body came too slowly." }
    } else {
        Error::refused(Code::MalformedBody, "The body cannot be read.")
    }
}

/// Whether the connection did not let the client take so much time.
fn is_late(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<DeadlineExceeded>() || error.source().is_some_and(is_late)
}

fn malformed(error: &serde_json::Error) -> Error {
    Error::refused(Code::MalformedBody, format!("JSON parse error - {error}"))
}
