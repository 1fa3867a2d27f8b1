//! Into the registry.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use tokio_util::io::ReaderStream;

use super::{Registry, RegistryError, location, refused};
use crate::backup::manifest::Image;
use crate::backup::shell::Reader;

const BUFFER: usize = 256 * 1024;

/// What is to be done for a repository that lacks a blob.
pub(crate) enum Upload {
    /// Nothing: it has it, or took it from another repository.
    Done,
    /// It is to be sent there.
    Wanted(String),
}

impl Registry {
    /// Asks a repository to take a blob, from another repository if there is one that has it.
    pub(crate) async fn offer(
        &self,
        repository: &str,
        digest: &str,
        from: Option<&str>,
    ) -> Result<Upload, RegistryError> {
        if self.has_blob(repository, digest).await? {
            return Ok(Upload::Done);
        }
        let mut path = format!("/v2/{repository}/blobs/uploads/");
        if let Some(from) = from {
            path.push_str(&format!("?mount={digest}&from={from}"));
        }
        let response = self.send(Method::POST, &path, &[(CONTENT_LENGTH, "0".to_owned())], None).await?;
        match (response.status(), location(&response)) {
            (StatusCode::CREATED, _) => Ok(Upload::Done),
            (StatusCode::ACCEPTED, Some(location)) => Ok(Upload::Wanted(location)),
            (status, _) => Err(refused(Method::POST, &path, status)),
        }
    }

    /// Sends a blob where [`Self::offer`] said. The registry computes its digest and takes nothing else.
    pub(crate) async fn send_blob(
        &self,
        location: &str,
        digest: &str,
        size: u64,
        bytes: Reader,
    ) -> Result<(), RegistryError> {
        let path = format!("{location}{}digest={digest}", if location.contains('?') { '&' } else { '?' });
        let headers = [(CONTENT_LENGTH, size.to_string()), (CONTENT_TYPE, "application/octet-stream".to_owned())];
        let frames = ReaderStream::with_capacity(bytes, BUFFER).map_ok(Frame::data);
        let body = StreamBody::new(frames).boxed_unsync();
        self.put(&path, &headers, body).await
    }

    /// Sends a manifest whose blobs are there.
    pub(crate) async fn send_manifest(&self, image: &Image, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let reference = image.tag.as_deref().unwrap_or(&image.digest);
        let path = format!("/v2/{}/manifests/{reference}", image.repository);
        let headers = [(CONTENT_TYPE, image.media_type.clone())];
        let body = Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync();
        self.put(&path, &headers, body).await
    }

    async fn put(
        &self,
        path: &str,
        headers: &[(http::HeaderName, String)],
        body: super::Body,
    ) -> Result<(), RegistryError> {
        match self.send(Method::PUT, path, headers, Some(body)).await?.status() {
            StatusCode::CREATED => Ok(()),
            status => Err(refused(Method::PUT, path, status)),
        }
    }
}
