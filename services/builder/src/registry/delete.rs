//! Removing an app's images, which the client library does not do (OCI distribution specification, "Content Management").

use std::time::Duration;

use deis_api::AppName;
use http::{StatusCode, Uri};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::causes;
use crate::Error;

const REQUEST: Duration = Duration::from_secs(30);

/// Tags that are listed at a time.
const PAGE: usize = 100;

/// Longest list of tags, in bytes.
const MAX_LIST: usize = 1 << 20;

/// Deletes manifests. Their blobs go with the registry's next garbage collection.
pub(super) struct Remover {
    client: Client,
    /// "http://deis-registry:5000".
    base: String,
    username: String,
    password: SecretString,
}

#[derive(Deserialize)]
struct Tags {
    /// Null when there is none.
    tags: Option<Vec<String>>,
}

impl Remover {
    pub(super) fn new(address: &Uri, username: &str, password: &SecretString) -> Result<Self, String> {
        let client = Client::builder().timeout(REQUEST).build().map_err(|error| error.to_string())?;
        let base = address.to_string().trim_end_matches('/').to_owned();
        Ok(Self { client, base, username: username.to_owned(), password: password.clone() })
    }

    /// Deletes all images of an app: each has its digest as its tag, since untagged ones cannot be listed.
    pub(super) async fn remove_all(&self, app: &AppName) -> Result<(), Error> {
        loop {
            let tags = self.tags(app).await?;
            if tags.is_empty() {
                return Ok(());
            }
            for tag in tags {
                let path = format!("{app}/manifests/sha256:{tag}");
                let response = self.send(self.client.delete(self.url(&path))).await?;
                match response.status() {
                    StatusCode::ACCEPTED => {}
                    // Its manifest went before its tag did: without the tag there is nothing left to list.
                    StatusCode::NOT_FOUND => self.untag(app, &tag).await?,
                    status => return Err(refused("does not delete an image", status)),
                }
            }
        }
    }

    async fn untag(&self, app: &AppName, tag: &str) -> Result<(), Error> {
        let response = self.send(self.client.delete(self.url(&format!("{app}/manifests/{tag}")))).await?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::NOT_FOUND => Ok(()),
            status => Err(refused("does not delete a tag", status)),
        }
    }

    /// The first tags; none when there are none, or no such repository.
    async fn tags(&self, app: &AppName) -> Result<Vec<String>, Error> {
        let mut response = self.send(self.client.get(self.url(&format!("{app}/tags/list?n={PAGE}")))).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(Vec::new()),
            status => return Err(refused("does not list images", status)),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Error::Registry(causes(&error)))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_LIST {
                return Err(Error::Registry("its list of tags is too long".to_owned()));
            }
        }
        let tags: Tags = serde_json::from_slice(&body).map_err(|error| Error::Registry(error.to_string()))?;
        Ok(tags.tags.unwrap_or_default())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v2/{path}", self.base)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let request = if self.username.is_empty() {
            request
        } else {
            request.basic_auth(&self.username, Some(self.password.expose_secret()))
        };
        request.send().await.map_err(|error| Error::Registry(causes(&error)))
    }
}

fn refused(what: &str, status: StatusCode) -> Error {
    Error::Registry(format!("it {what} (HTTP {status})"))
}
