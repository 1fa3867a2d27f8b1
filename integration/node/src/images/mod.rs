//! Images for the node's containerd, without a Docker engine: OCI layouts and archives go in as one stream.

mod layout;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};

use self::layout::Index;
use crate::exec;

/// The name of the image that holds every pod's namespaces; `config/containerd.toml` asks for it.
pub const PAUSE_IMAGE: &str = "localhost/pause:1";

/// The node's containerd, reached through the mount namespace of one of its processes.
pub struct Containerd {
    namespace: String,
}

impl Containerd {
    /// `process` is any process in the node's mount namespace.
    pub fn of(process: u32) -> Self {
        Self { namespace: format!("--mount=/proc/{process}/ns/mnt") }
    }

    /// Whether it answers yet.
    pub async fn answers(&self) -> bool {
        exec::output("nsenter", &self.ctr(&["version"])).await.is_ok()
    }

    /// Loads a layout folder or an archive of one. Returns whether there was anything to do.
    ///
    /// # Errors
    /// When the layout names no image, a blob is missing, or containerd refuses it.
    pub async fn load(&self, path: &Path) -> Result<bool> {
        if path.is_dir() {
            return self.load_layout(path).await.with_context(|| format!("loading {}", path.display()));
        }
        let mut archive = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        self.import(|target| io::copy(&mut archive, target).map(drop))
            .with_context(|| format!("loading {}", path.display()))?;
        Ok(true)
    }

    /// Sends only what containerd lacks: platform images share nearly all their bytes.
    async fn load_layout(&self, layout: &Path) -> Result<bool> {
        let mut index = Index::read(layout)?;
        let images = exec::output("nsenter", &self.ctr(&["images", "ls"])).await?;
        let present: BTreeSet<(&str, &str)> = images.lines().filter_map(name_and_digest).collect();
        index.manifests.retain(|it| !present.contains(&(it.name(), it.digest.as_str())));
        if index.manifests.is_empty() {
            return Ok(false);
        }
        let blobs = exec::output("nsenter", &self.ctr(&["content", "ls", "-q"])).await?;
        let there: BTreeSet<&str> = blobs.lines().collect();
        let mut needed = index.blobs(layout)?;
        needed.retain(|blob| !there.contains(blob.as_str()));
        self.import(|target| index.write(layout, &needed, target))?;
        Ok(true)
    }

    /// Makes an image of one static program, which is its entry point and runs as nobody.
    pub fn load_program(&self, name: &str, program: &Path) -> Result<()> {
        let content = fs::read(program).with_context(|| format!("reading {}", program.display()))?;
        self.import(|target| layout::write_program(name, &content, target)).with_context(|| format!("loading {name}"))
    }

    /// Runs an import and writes the archive into it.
    fn import(&self, archive: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        exec::feed_with("nsenter", &self.ctr(&["images", "import", "-"]), archive).map(drop)
    }

    fn ctr<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&[self.namespace.as_str(), "ctr", "--namespace", "k8s.io"], args].concat()
    }
}

/// A line of `ctr images ls`: REF TYPE DIGEST …
fn name_and_digest(line: &str) -> Option<(&str, &str)> {
    let mut columns = line.split_whitespace();
    Some((columns.next()?, columns.nth(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_gives_names_and_digests() {
        let line =
            "deis.local/deis/state:0.1.0 application/vnd.oci.image.manifest.v1+json sha256:aa 1.0 MiB linux/amd64 -";
        assert_eq!(name_and_digest(line), Some(("deis.local/deis/state:0.1.0", "sha256:aa")));
        assert_eq!(name_and_digest(""), None);
    }
}
