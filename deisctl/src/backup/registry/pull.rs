//! Out of the registry.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, LINK};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio_util::io::StreamReader;

use super::{Registry, RegistryError, document, refused};
use crate::backup::manifest::Image;
use crate::backup::shell::Reader;

/// What an image's manifest may be.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// What matters of a manifest or an index.
#[derive(Deserialize)]
struct Document {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

#[derive(Deserialize)]
struct Catalog {
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

impl Registry {
    pub(crate) async fn repositories(&self) -> Result<Vec<String>, RegistryError> {
        let pages: Vec<Catalog> = self.pages("/v2/_catalog?n=100").await?;
        Ok(pages.into_iter().filter_map(|page| page.repositories).flatten().collect())
    }

    /// None of a repository that is gone or was emptied.
    pub(crate) async fn tags(&self, repository: &str) -> Result<Vec<String>, RegistryError> {
        let pages: Vec<Tags> = self.pages(&format!("/v2/{repository}/tags/list?n=100")).await?;
        Ok(pages.into_iter().filter_map(|page| page.tags).flatten().collect())
    }

    /// A manifest by its tag or digest; `None` when it is gone.
    pub(crate) async fn manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<(Image, Bytes)>, RegistryError> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let response = self.send(Method::GET, &path, &[(ACCEPT, MANIFESTS.to_owned())], None).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(refused(Method::GET, &path, status)),
        }
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or("application/vnd.oci.image.manifest.v1+json").to_owned();
        let bytes = document(&path, response).await?;
        let parsed: Document =
            serde_json::from_slice(&bytes).map_err(|source| RegistryError::Document { path, source })?;
        let digests = |descriptors: Vec<Descriptor>| descriptors.into_iter().map(|descriptor| descriptor.digest);
        let image = Image {
            repository: repository.to_owned(),
            tag: Some(reference.to_owned()).filter(|reference| !reference.contains(':')),
            digest: format!("sha256:{}", hex::encode(Sha256::digest(&bytes))),
            media_type,
            blobs: parsed.config.map(|config| config.digest).into_iter().chain(digests(parsed.layers)).collect(),
            manifests: digests(parsed.manifests).collect(),
        };
        Ok(Some((image, bytes)))
    }

    /// A blob; `None` when it is gone.
    pub(crate) async fn blob(&self, repository: &str, digest: &str) -> Result<Option<Reader>, RegistryError> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let response = self.send(Method::GET, &path, &[], None).await?;
        match response.status() {
            StatusCode::OK => {
                let body = response.into_body().into_data_stream().map_err(std::io::Error::other);
                Ok(Some(Box::pin(StreamReader::new(body))))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(refused(Method::GET, &path, status)),
        }
    }

    /// All pages of a list; none of what is not there.
    async fn pages<T: DeserializeOwned>(&self, first: &str) -> Result<Vec<T>, RegistryError> {
        let (mut pages, mut next) = (Vec::new(), Some(first.to_owned()));
        while let Some(path) = next {
            let response = self.send(Method::GET, &path, &[], None).await?;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => break,
                status => return Err(refused(Method::GET, &path, status)),
            }
            next = response.headers().get(LINK).and_then(|link| next_page(link.to_str().ok()?));
            let bytes = document(&path, response).await?;
            pages.push(serde_json::from_slice(&bytes).map_err(|source| RegistryError::Document { path, source })?);
        }
        Ok(pages)
    }
}

/// `</v2/_catalog?last=b&n=100>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    let (address, relation) = link.strip_prefix('<')?.split_once('>')?;
    if !relation.contains("next") {
        return None;
    }
    let address: http::Uri = address.parse().ok()?;
    Some(address.path_and_query()?.to_string())
}
