//! The registry behind the door.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use deis_bootstrap::deadline;
use http::header::AUTHORIZATION;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::error::{Refusal, StartError};
use crate::headers;
use crate::target::Target;

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// To the first byte of an answer; a registry on an outside store may have to ask that first.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// A connection that nobody uses is closed before the registry does it.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
const MOST_IDLE: usize = 32;

/// The registry, and how the proxy is known there.
#[derive(Debug)]
pub struct Upstream {
    registry: Uri,
    authorization: Option<HeaderValue>,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Upstream {
    /// Reads the credentials' files `username` and `password`. Nothing is dialled yet.
    ///
    /// # Errors
    /// A file cannot be read.
    pub async fn new(registry: Uri, credentials: &Path) -> Result<Self, StartError> {
        let text = async |name: &str| {
            let path = credentials.join(name);
            tokio::fs::read_to_string(&path).await.map_err(|error| StartError::Read(path, error))
        };
        let (username, password) = (text("username").await?, text("password").await?);
        let basic = STANDARD.encode(format!("{}:{}", username.trim_end(), password.trim_end()));
        // Base64 is always a header's value.
        let mut authorization = HeaderValue::from_str(&format!("Basic {basic}")).ok();
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }

        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_LIMIT)
            .pool_max_idle_per_host(MOST_IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { registry, authorization, client })
    }

    /// Where the registry is.
    #[must_use]
    pub fn registry(&self) -> &Uri {
        &self.registry
    }

    /// Asks the registry for a target. Its answer comes with headers that are ours to pass on and a body still to come.
    ///
    /// # Errors
    /// [`Refusal::RegistryGone`], [`Refusal::RegistryLate`], [`Refusal::RegistryRefuses`].
    pub async fn fetch(
        &self,
        method: Method,
        target: &Target,
        request: &HeaderMap,
    ) -> Result<Response<Incoming>, Refusal> {
        let mut request_headers = headers::of_request(request);
        if let Some(authorization) = &self.authorization {
            request_headers.insert(AUTHORIZATION, authorization.clone());
        }
        let mut request = Request::new(Empty::new());
        *request.method_mut() = method;
        *request.uri_mut() = self.locate(target);
        *request.headers_mut() = request_headers;

        let answer = deadline(ANSWER_LIMIT, self.client.request(request)).await.map_err(Refusal::RegistryLate)?;
        let mut answer = answer.map_err(Refusal::RegistryGone)?;
        if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Refusal::RegistryRefuses);
        }
        headers::of_answer(answer.headers_mut(), &self.registry);
        Ok(answer)
    }

    fn locate(&self, target: &Target) -> Uri {
        let mut parts = self.registry.clone().into_parts();
        // A target's path has no byte that a URI does not take.
        parts.path_and_query = target.to_string().parse::<PathAndQuery>().ok();
        Uri::from_parts(parts).unwrap_or_default()
    }
}
