//! The apps' images, over the registry's own interface (OCI distribution specification 1.1) and a forwarded port.

mod pull;
mod push;
mod tunnel;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

pub(super) use self::push::Upload;
use self::tunnel::Tunnels;
use super::shell::{PodShell, ShellError};
use crate::cluster::KubeError;

const PORT: u16 = 5000;
const CREDENTIALS: &str = "deis-registry-creds";
/// Longest manifest and longest page of a list, in bytes.
const MAX_DOCUMENT: usize = 8 << 20;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error(transparent)]
    Pod(#[from] ShellError),
    #[error("cannot read Secret {CREDENTIALS}")]
    Secret(#[source] KubeError),
    #[error("Secret {CREDENTIALS} has no {0}")]
    Incomplete(&'static str),
    #[error("the registry cannot be asked")]
    Request(#[from] http::Error),
    #[error("the registry does not answer")]
    Silent(#[from] legacy::Error),
    #[error("the registry's answer to {path} broke off")]
    Broken {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the registry answers {method} {path} with {status}")]
    Refused { method: Method, path: String, status: StatusCode },
    #[error("the registry's answer to {path} is not what it should be")]
    Document {
        path: String,
        #[source]
        source: serde_json::Error,
    },
}

/// The platform's registry.
pub(crate) struct Registry {
    client: legacy::Client<Tunnels, Body>,
    authorization: HeaderValue,
}

impl Registry {
    pub(crate) async fn connect(client: &Client, namespace: &str) -> Result<Self, RegistryError> {
        let pod = PodShell::of("registry", client, namespace).await?.pod;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let secret = secrets.get(CREDENTIALS).await.map_err(|error| RegistryError::Secret(error.into()))?;
        let data = secret.data.unwrap_or_default();
        let text = |key| {
            let value = data.get(key).and_then(|value| std::str::from_utf8(&value.0).ok());
            value.ok_or(RegistryError::Incomplete(key))
        };
        let login = BASE64_STANDARD.encode(format!("{}:{}", text("username")?, text("password")?));
        let mut authorization = HeaderValue::try_from(format!("Basic {login}")).map_err(http::Error::from)?;
        authorization.set_sensitive(true);
        Ok(Self::new(Tunnels::Pod { pods: Box::new(Api::namespaced(client.clone(), namespace)), pod }, authorization))
    }

    fn new(tunnels: Tunnels, authorization: HeaderValue) -> Self {
        Self { client: legacy::Client::builder(TokioExecutor::new()).build(tunnels), authorization }
    }

    /// Asks for a path of `/v2/`.
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(http::HeaderName, String)],
        body: Option<Body>,
    ) -> Result<Response<Incoming>, RegistryError> {
        let mut request = Request::builder().method(method).uri(format!("http://registry{path}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = body.unwrap_or_else(|| Empty::new().map_err(|never| match never {}).boxed_unsync());
        let request = request.header(AUTHORIZATION, self.authorization.clone()).body(body)?;
        Ok(self.client.request(request).await?)
    }

    /// Whether a repository has a blob.
    async fn has_blob(&self, repository: &str, digest: &str) -> Result<bool, RegistryError> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let response = self.send(Method::HEAD, &path, &[], None).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(RegistryError::Refused { method: Method::HEAD, path, status }),
        }
    }
}

/// A body that fits into memory.
async fn document(path: &str, response: Response<Incoming>) -> Result<Bytes, RegistryError> {
    #[expect(clippy::disallowed_methods, reason = "with a limit")]
    let body = Limited::new(response.into_body(), MAX_DOCUMENT).collect().await;
    Ok(body.map_err(|source| RegistryError::Broken { path: path.to_owned(), source })?.to_bytes())
}

/// Path and query of where an upload goes on.
fn location(response: &Response<Incoming>) -> Option<String> {
    let location: http::Uri = response.headers().get(LOCATION)?.to_str().ok()?.parse().ok()?;
    Some(location.path_and_query()?.to_string())
}

fn refused(method: Method, path: &str, status: StatusCode) -> RegistryError {
    RegistryError::Refused { method, path: path.to_owned(), status }
}

#[cfg(test)]
mod tests;
