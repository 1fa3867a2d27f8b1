//! Images into the registry, and out of it. Nobody else writes there.

mod delete;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use deis_api::{AppName, causes};
use deis_bootstrap::deadline;
use deis_oci::{Digest, Image, Layer, Layout};
use futures_util::{Stream, TryStreamExt as _};
use http::{HeaderValue, Uri};
use oci_client::Reference;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::io::ReaderStream;

use crate::Error;
use delete::Remover;

/// The repository of the run image's layers, which those of apps take them from. No app can have this name.
const STACK: &str = "deis/stack-run";

/// How long one request may take; an upload, for each of its blobs.
const REQUEST: Duration = Duration::from_secs(30);
const UPLOAD: Duration = Duration::from_secs(300);

/// What comes from another registry comes as fast as that one likes.
const COPY: Duration = Duration::from_secs(1800);

/// A layer and the file that holds it.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) layer: Layer,
    pub(crate) path: PathBuf,
}

/// The registry.
pub(crate) struct Registry {
    client: Client,
    host: String,
    auth: RegistryAuth,
    stack: Layout,
    remover: Remover,
}

impl Registry {
    /// `stack` has the layers of the run image.
    pub(crate) fn new(address: &Uri, username: &str, password: &SecretString, stack: Layout) -> Result<Self, String> {
        let host = address.authority().ok_or("it names no host")?.to_string();
        let protocol = match address.scheme_str() {
            Some("https") => ClientProtocol::Https,
            Some("http") => ClientProtocol::Http,
            _ => return Err("it begins neither with http:// nor https://".to_owned()),
        };
        let config = ClientConfig {
            protocol,
            use_monolithic_push: true,
            connect_timeout: Some(Duration::from_secs(5)),
            read_timeout: Some(REQUEST),
            user_agent: "deis-builder",
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| error.to_string())?;
        let auth = if username.is_empty() {
            RegistryAuth::Anonymous
        } else {
            RegistryAuth::Basic(username.to_owned(), password.expose_secret().to_owned())
        };
        let remover = Remover::new(address, username, password)?;
        Ok(Self { client, host, auth, stack, remover })
    }

    /// Stores an app's image: what is missing of its layers, then its config, and the manifest last, so that an image is there as a
    /// whole or not at all.
    pub(crate) async fn push(&self, app: &AppName, image: &Image, blobs: Vec<Blob>) -> Result<(), Error> {
        self.client.store_auth_if_needed(&self.host, &self.auth).await;
        let repository = self.reference(app.as_str(), &image.digest());
        for layer in image.layers() {
            match blobs.iter().find(|blob| blob.layer.digest == layer.digest) {
                Some(blob) => self.upload(&repository, &layer.digest, layer.size, blob.path.clone()).await?,
                None => self.take_from_stack(&repository, layer).await?,
            }
        }
        let config = image.config_bytes().to_vec();
        let digest = image.config_digest().to_string();
        if !self.exists(&repository, &digest).await? {
            limited(REQUEST, self.client.push_blob(&repository, config, &digest)).await?;
        }
        let media_type = HeaderValue::from_static("application/vnd.oci.image.manifest.v1+json");
        self.put_manifest(app, image.manifest_bytes().to_vec(), media_type).await
    }

    /// Whether an app's repository has a blob.
    pub(crate) async fn has(&self, app: &AppName, digest: &Digest) -> Result<bool, Error> {
        self.client.store_auth_if_needed(&self.host, &self.auth).await;
        self.exists(&self.reference(app.as_str(), digest), &digest.to_string()).await
    }

    /// Stores a blob. The registry computes its digest and takes nothing else.
    pub(crate) async fn put_blob(
        &self,
        app: &AppName,
        digest: &Digest,
        size: u64,
        bytes: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), Error> {
        let repository = self.reference(app.as_str(), digest);
        let digest = digest.to_string();
        let bytes = bytes.map_err(OciDistributionError::from);
        limited(COPY, self.client.push_blob_stream(&repository, bytes, &digest, Some(size))).await?;
        Ok(())
    }

    /// Stores a manifest whose blobs are there. Its own digest is its tag: releases name the digest, but only what has a tag can be
    /// listed and so deleted.
    pub(crate) async fn put_manifest(
        &self,
        app: &AppName,
        manifest: Vec<u8>,
        media_type: HeaderValue,
    ) -> Result<(), Error> {
        let tagged = Reference::with_tag(self.host.clone(), app.to_string(), Digest::of(&manifest).hex());
        limited(REQUEST, self.client.push_manifest_raw(&tagged, manifest, media_type)).await?;
        Ok(())
    }

    /// Removes all images of an app. What is gone already is fine.
    pub(crate) async fn delete(&self, app: &AppName) -> Result<(), Error> {
        self.remover.remove_all(app).await
    }

    /// A layer of the run image comes from the stack's repository, where it is uploaded once for all apps.
    async fn take_from_stack(&self, repository: &Reference, layer: &Layer) -> Result<(), Error> {
        let digest = layer.digest.to_string();
        if self.exists(repository, &digest).await? {
            return Ok(());
        }
        let stack = self.reference(STACK, &layer.digest);
        let path = self.stack.blob_path(&layer.digest);
        self.upload(&stack, &layer.digest, layer.size, path.clone()).await?;
        match limited(REQUEST, self.client.mount_blob(repository, &stack, &digest)).await {
            Ok(()) => Ok(()),
            // Not every registry can.
            Err(error) => {
                tracing::debug!(%error, "a layer is not mounted but uploaded again");
                self.upload(repository, &layer.digest, layer.size, path).await
            }
        }
    }

    async fn upload(&self, repository: &Reference, digest: &Digest, size: u64, path: PathBuf) -> Result<(), Error> {
        let digest = digest.to_string();
        if self.exists(repository, &digest).await? {
            return Ok(());
        }
        let file = tokio::fs::File::open(path).await.map_err(Error::io("read a layer"))?;
        let bytes = ReaderStream::with_capacity(file, 256 * 1024).map_err(OciDistributionError::from);
        limited(UPLOAD, self.client.push_blob_stream(repository, bytes, &digest, Some(size))).await?;
        Ok(())
    }

    async fn exists(&self, repository: &Reference, digest: &str) -> Result<bool, Error> {
        limited(REQUEST, self.client.blob_exists(repository, digest)).await
    }

    fn reference(&self, repository: &str, digest: &Digest) -> Reference {
        Reference::with_digest(self.host.clone(), repository.to_owned(), digest.to_string())
    }
}

async fn limited<T>(limit: Duration, call: impl Future<Output = Result<T, OciDistributionError>>) -> Result<T, Error> {
    match deadline(limit, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::Registry(causes(&error))),
        Err(late) => Err(Error::Registry(late.to_string())),
    }
}
