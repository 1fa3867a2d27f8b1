//! The registry that an image comes from (OCI distribution specification, "Pull"; Docker's token authentication).
//!
//! Not the client library: every address that a registry sends us to has to pass the guard, and no answer may be longer than we
//! are willing to read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use deis_api::Code;
use deis_oci::Digest;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{HeaderValue, StatusCode, header};
use http_auth::parse_challenges;
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::documents::{Blob, Found, accepted};
use super::guard::{Guard, Resolver};
use super::name::ImageName;
use super::refused;
use crate::Error;

/// Longest document.
const MAX_DOCUMENT: usize = 4 << 20;

/// Longest silence of a registry.
const SILENCE: Duration = Duration::from_secs(30);

const MAX_REDIRECTS: usize = 5;

/// An image in its registry.
pub(super) struct Source {
    name: ImageName,
    client: Client,
    guard: Arc<Guard>,
    base: String,
    credentials: Option<(String, SecretString)>,
    /// What the registry wants to see, once it has asked.
    authorization: Mutex<Option<HeaderValue>>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
}

impl Source {
    pub(super) fn new(
        name: ImageName,
        credentials: Option<(String, SecretString)>,
        guard: Arc<Guard>,
    ) -> Result<Self, Error> {
        let base = guard.base(name.registry());
        let client = Client::builder()
            .user_agent("deis-builder")
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            .dns_resolver(Arc::new(Resolver(Arc::clone(&guard))))
            .redirect(policy(Arc::clone(&guard)))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self { name, client, guard, base, credentials, authorization: Mutex::default() })
    }

    pub(super) fn name(&self) -> &ImageName {
        &self.name
    }

    /// A manifest or an index, by tag or digest.
    pub(super) async fn manifest(&self, wanted: &str) -> Result<Found, Error> {
        let path = format!("manifests/{wanted}");
        let response = self.get(&path, Some(&accepted())).await?;
        let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
        let bytes = self.read(response, MAX_DOCUMENT).await?;
        if wanted.contains(':') && wanted.parse::<Digest>().ok() != Some(Digest::of(&bytes)) {
            return Err(refused(Code::ImagePullFailed, format!("The registry sent something else than {wanted}.")));
        }
        Ok(Found { bytes, media_type })
    }

    /// A small blob as a whole.
    pub(super) async fn blob(&self, blob: &Blob) -> Result<Vec<u8>, Error> {
        let response = self.get(&format!("blobs/{}", blob.digest), None).await?;
        let bytes = self.read(response, MAX_DOCUMENT).await?;
        if Digest::of(&bytes) != blob.digest {
            return Err(refused(Code::ImagePullFailed, "The registry sent something else than its manifest names."));
        }
        Ok(bytes)
    }

    /// A blob, piece by piece and no longer than it should be; whoever stores it checks its digest.
    pub(super) async fn stream(&self, blob: &Blob) -> Result<BoxStream<'static, io::Result<Bytes>>, Error> {
        let response = self.get(&format!("blobs/{}", blob.digest), None).await?;
        let mut left = blob.size;
        let bytes = response.bytes_stream().map_err(io::Error::other).map(move |bytes| {
            let bytes = bytes?;
            left = left
                .checked_sub(bytes.len() as u64)
                .ok_or_else(|| io::Error::other("a layer is longer than it should be"))?;
            Ok(bytes)
        });
        Ok(bytes.boxed())
    }

    async fn get(&self, path: &str, accept: Option<&str>) -> Result<Response, Error> {
        let url = format!("{}/v2/{}/{path}", self.base, self.name.path());
        let url = url
            .parse::<Url>()
            .map_err(|_| refused(Code::InvalidArgument, format!("{} is not the name of an image.", self.name)))?;
        let response = self.ask(&url, accept).await?;
        let response = match response.status() {
            StatusCode::UNAUTHORIZED if self.authorization.lock().is_none() => {
                self.log_in(&response).await?;
                self.ask(&url, accept).await?
            }
            _ => response,
        };
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.denied()),
            StatusCode::NOT_FOUND => Err(refused(
                Code::NotFound,
                format!("Cannot pull: image {} not found. Check its name and tag.", self.name),
            )),
            StatusCode::TOO_MANY_REQUESTS => Err(refused(
                Code::Unavailable,
                format!("The registry of {} answers no more requests for now. Try again later.", self.name),
            )),
            status => Err(refused(Code::Unavailable, format!("The registry of {} answered {status}.", self.name))),
        }
    }

    async fn ask(&self, url: &Url, accept: Option<&str>) -> Result<Response, Error> {
        self.guard.check(url).map_err(|problem| self.forbidden(problem))?;
        let mut request = self.client.get(url.clone());
        if let Some(accept) = accept {
            request = request.header(header::ACCEPT, accept);
        }
        if let Some(authorization) = self.authorization.lock().clone() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.send().await.map_err(|error| self.broken(error))
    }

    /// Does what the registry asks for: credentials as they are, or a token for them.
    async fn log_in(&self, response: &Response) -> Result<(), Error> {
        let challenge = response.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenges = parse_challenges(challenge.unwrap_or_default()).unwrap_or_default();
        for challenge in challenges {
            let parameter = |name: &str| {
                let found = challenge.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                let token = self.token(&realm, parameter("service")).await?;
                return self.present("Bearer", token.expose_secret());
            }
            if challenge.scheme.eq_ignore_ascii_case("basic")
                && let Some((user, password)) = &self.credentials
            {
                return self.present("Basic", &basic(user, password));
            }
        }
        Err(self.denied())
    }

    fn present(&self, scheme: &str, value: &str) -> Result<(), Error> {
        let mut value = HeaderValue::from_str(&format!("{scheme} {value}")).map_err(|_| self.denied())?;
        value.set_sensitive(true);
        *self.authorization.lock() = Some(value);
        Ok(())
    }

    async fn token(&self, realm: &str, service: Option<String>) -> Result<SecretString, Error> {
        let mut url = realm.parse::<Url>().map_err(|_| self.denied())?;
        self.guard.check(&url).map_err(|problem| self.forbidden(problem))?;
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", &service);
        }
        url.query_pairs_mut().append_pair("scope", &format!("repository:{}:pull", self.name.path()));
        let mut request = self.client.get(url);
        if let Some((user, password)) = &self.credentials {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        let response = request.send().await.map_err(|error| self.broken(error))?;
        if !response.status().is_success() {
            return Err(self.denied());
        }
        let bytes = self.read(response, 64 * 1024).await?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| self.denied())?;
        token.token.or(token.access_token).ok_or_else(|| self.denied())
    }

    async fn read(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if bytes.len() + chunk.len() > limit {
                return Err(refused(Code::ImagePullFailed, "The registry sent a document that is too long."));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn denied(&self) -> Error {
        let message = format!("Permission Denied attempting to pull image {}", self.name);
        refused(Code::PermissionDenied, message)
    }

    fn forbidden(&self, problem: &str) -> Error {
        let message = format!("{} cannot be pulled: its registry may not be asked, {problem}.", self.name);
        refused(Code::PermissionDenied, message)
    }

    /// A connection that failed, or that the guard has stopped on its way.
    fn broken(&self, error: reqwest::Error) -> Error {
        // The address may hold a token of the registry's.
        let error = error.without_url();
        let outer: &dyn std::error::Error = &error;
        let causes = std::iter::successors(Some(outer), |error| error.source()).skip(1);
        let causes = causes.map(ToString::to_string).collect::<Vec<_>>();
        match causes.iter().find_map(|cause| cause.strip_prefix(STOPPED)) {
            Some(problem) => self.forbidden(problem),
            None => {
                let cause = causes.last().map_or_else(|| error.to_string(), Clone::clone);
                refused(Code::Unavailable, format!("The registry of {} cannot be reached: {cause}.", self.name))
            }
        }
    }
}

/// How errors of the guard begin, on their way through the HTTP client.
pub(super) const STOPPED: &str = "stopped: ";

/// Redirects are followed to where the guard lets them.
fn policy(guard: Arc<Guard>) -> Policy {
    Policy::custom(move |attempt| match guard.check(attempt.url()) {
        Err(problem) => attempt.error(format!("{STOPPED}{problem}")),
        Ok(()) if attempt.previous().len() > MAX_REDIRECTS => attempt.error("too many redirects"),
        Ok(()) => attempt.follow(),
    })
}

fn basic(user: &str, password: &SecretString) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{user}:{}", password.expose_secret()))
}
