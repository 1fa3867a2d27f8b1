use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deis_api::rest::{ERROR_CODE_HEADER, ErrorBody};

use crate::error::Error;

/// An error in the shapes of the contract.
pub(super) struct ApiError(Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = self.0.code();
        // Here an error is handled, so here it is logged.
        if let Error::Internal(source) | Error::Unavailable(source) = &self.0 {
            tracing::error!(%code, error = ?source, "a request failed");
        }
        let status = match &self.0 {
            // A field is 400 whatever is wrong with it.
            Error::Field { .. } => StatusCode::BAD_REQUEST,
            // So is a command that did not end 503, whatever kept it from that.
            Error::RunFailed { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let (message, limit) = (self.0.to_string(), self.0.limit());
        let after = if let Error::Later { after, .. } = &self.0 { Some(after.as_secs()) } else { None };
        let body = match self.0 {
            Error::Field { field, .. } => ErrorBody::field(field, message),
            Error::List(_) => ErrorBody::List(vec![message]),
            Error::Missing(_) => ErrorBody::Text(message),
            Error::DeployFailed(_) => ErrorBody::detail(format!("(app::deploy): {message}")),
            _ => ErrorBody::detail(message),
        };
        let mut response = (status, Json(body)).into_response();
        if let Some(limit) = limit {
            // For who counts.
            response.extensions_mut().insert(limit);
        }
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static(ERROR_CODE_HEADER), HeaderValue::from_static(code.as_str()));
        if let Some(after) = after {
            headers.insert(header::RETRY_AFTER, after.into());
        }
        // What the client still sends is not read.
        if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Token"));
        }
        response
    }
}
