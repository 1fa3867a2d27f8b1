use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deis_api::AppName;
use deis_api::rest::RESPOND_ASYNC;

use crate::ledger::Release;
use crate::server::Wait;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(wait(&parts.headers))
    }
}

/// What `Prefer` (RFC 7240) says. Other preferences than `respond-async` are nothing to us, and so are its parameters.
fn wait(headers: &HeaderMap) -> Wait {
    let values = headers.get_all(PREFER).into_iter().filter_map(|value| value.to_str().ok());
    let mut preferences =
        values.flat_map(|value| value.split(',')).filter_map(|preference| preference.split(';').next());
    if preferences.any(|preference| preference.trim().eq_ignore_ascii_case(RESPOND_ASYNC)) {
        Wait::UntilRecorded
    } else {
        Wait::ToTheEnd
    }
}

impl Wait {
    /// The answer to a change: `done`, or 202 when it is only recorded.
    pub(super) fn answer(self, done: StatusCode, body: impl IntoResponse) -> Response {
        match self {
            Self::ToTheEnd => (done, body).into_response(),
            Self::UntilRecorded => {
                (StatusCode::ACCEPTED, [(APPLIED, HeaderValue::from_static(RESPOND_ASYNC))], body).into_response()
            }
        }
    }

    /// The same for a change that made a release; 202 says where its deploy can be watched.
    pub(super) fn answer_release(self, app: &AppName, release: &Release, body: impl IntoResponse) -> Response {
        let mut response = self.answer(StatusCode::CREATED, body);
        let progress = format!("/v2/apps/{app}/releases/{}/progress/", release.version);
        // Names and versions can always stand in a header.
        if let (Self::UntilRecorded, Ok(progress)) = (self, HeaderValue::from_str(&progress)) {
            response.headers_mut().insert(header::LOCATION, progress);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_prefers_not_to_wait_says_so() {
        let wait = |value: &'static str| wait(&HeaderMap::from_iter([(PREFER, HeaderValue::from_static(value))]));
        for value in ["respond-async", "Respond-Async", "return=minimal, respond-async", "respond-async; wait=10"] {
            assert_eq!(wait(value), Wait::UntilRecorded, "{value}");
        }
        for value in ["", "return=minimal", "wait=10", "respond-asynchronously"] {
            assert_eq!(wait(value), Wait::ToTheEnd, "{value}");
        }
    }
}
