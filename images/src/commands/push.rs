//! `deis-images push`

use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use deis_oci::{Digest, Image, Layout};
use futures_util::TryStreamExt;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use tokio_util::io::ReaderStream;

use crate::{names, report, values};

#[derive(clap::Args)]
pub struct Args {
    /// Where to push to, with a prefix for the images' names if any: `registry.example.com/platform`
    #[arg(long, value_name = "HOST[/PREFIX]")]
    registry: String,
    /// Folder of the layout
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Where to write the new references as values of the chart [default: pushed.yaml in the layout's folder]
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
    /// User of the registry; the password is read from standard input
    #[arg(long)]
    username: Option<String>,
    /// Speak HTTP instead of HTTPS
    #[arg(long)]
    plain_http: bool,
}

impl Args {
    /// Pushes every image of the layout; what the registry has already is not sent again.
    pub fn run(self) -> Result<()> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(self.push())
    }

    async fn push(self) -> Result<()> {
        let layout = Layout::open(&self.from)?;
        let protocol = if self.plain_http { ClientProtocol::Http } else { ClientProtocol::Https };
        // Chunked uploads lose data on some registries.
        let client = Client::new(ClientConfig { protocol, use_monolithic_push: true, ..ClientConfig::default() });
        let auth = self.auth()?;

        let mut pushed = Vec::new();
        let mut blobs = HashMap::new();
        // The name of the release would be moved with every push, while nodes that know it never ask again.
        let images = layout.images()?.into_iter().filter(|(local, _)| !names::is_release(local));
        for (local, digest) in images {
            let (name, remote) = renamed(&local, &self.registry).with_context(|| format!("image {local}"))?;
            let reference: Reference = remote.parse().with_context(|| format!("the name {remote}"))?;
            client.auth(&reference, &auth, RegistryOperation::Push).await?;
            push(&client, &layout, &layout.image_by_digest(&digest)?, &reference, &mut blobs)
                .await
                .with_context(|| format!("pushing {remote}"))?;
            report::line(format_args!("{remote}"));
            pushed.push((name, remote));
        }
        ensure!(!pushed.is_empty(), "the layout has no images");
        let path = self.values.unwrap_or_else(|| self.from.join("pushed.yaml"));
        values::write(&path, pushed.iter().map(|(name, remote)| (name.as_str(), remote.as_str())))
    }

    fn auth(&self) -> Result<RegistryAuth> {
        let Some(username) = &self.username else { return Ok(RegistryAuth::Anonymous) };
        let mut password = String::new();
        std::io::stdin().take(4096).read_to_string(&mut password).context("reading the password")?;
        Ok(RegistryAuth::Basic(username.clone(), password.trim_end().to_owned()))
    }
}

/// `deis.local/deis/state:1` as name `state` and reference `{registry}/deis/state:1`.
fn renamed(local: &str, registry: &str) -> Result<(String, String)> {
    let (_, path) = local.split_once('/').context("it has no registry")?;
    let (repository, _) = path.rsplit_once(':').context("it has no tag")?;
    let name = repository.rsplit('/').next().unwrap_or(repository);
    Ok((name.to_owned(), format!("{}/{path}", registry.trim_end_matches('/'))))
}

/// `blobs` is what was pushed before, and where it is.
async fn push(
    client: &Client,
    layout: &Layout,
    image: &Image,
    reference: &Reference,
    blobs: &mut HashMap<Digest, Reference>,
) -> Result<()> {
    let config = image.config_bytes().len() as u64;
    let layers = image.layers().iter().map(|layer| (layer.digest, layer.size));
    for (digest, size) in layers.chain([(image.config_digest(), config)]) {
        let elsewhere = blobs.get(&digest);
        blob(client, layout, reference, digest, size, elsewhere).await.with_context(|| format!("blob {digest}"))?;
        blobs.insert(digest, reference.clone());
    }
    let media_type = image.manifest().media_type().as_ref().context("the manifest has no media type")?;
    client.push_manifest_raw(reference, image.manifest_bytes().to_owned(), media_type.to_string().parse()?).await?;
    Ok(())
}

/// Sends a blob, unless the repository has it or may take it over from another one.
async fn blob(
    client: &Client,
    layout: &Layout,
    reference: &Reference,
    digest: Digest,
    size: u64,
    elsewhere: Option<&Reference>,
) -> Result<()> {
    let name = digest.to_string();
    if client.blob_exists(reference, &name).await? {
        return Ok(());
    }
    if let Some(source) = elsewhere
        && client.mount_blob(reference, source, &name).await.is_ok()
    {
        return Ok(());
    }
    let file = tokio::fs::File::from_std(layout.blob(&digest)?);
    let content = ReaderStream::with_capacity(file, 256 * 1024).map_err(OciDistributionError::from);
    client.push_blob_stream(reference, content, &name, Some(size)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_move_to_the_registry() {
        let moved = |registry| renamed("deis.local/deis/stack-run:ab", registry).unwrap();
        assert_eq!(moved("r.example:5000").1, "r.example:5000/deis/stack-run:ab");
        assert_eq!(moved("r.example/a/").1, "r.example/a/deis/stack-run:ab");
        assert_eq!(moved("r.example").0, "stack-run");
    }
}
