//! Images: a manifest and a config (`manifest.md`, `config.md`).

use std::collections::HashMap;
use std::fmt;

use oci_spec::image::{
    Config, Descriptor, History, HistoryBuilder, ImageConfiguration, ImageManifest, ImageManifestBuilder, MediaType,
    SCHEMA_VERSION,
};

use crate::{Compression, Digest, Error, Layer, Result, json};

/// The two JSON documents of an image: as values, and as the bytes that its digests are about. Images are equal when the
/// bytes are.
#[derive(Clone)]
pub struct Image {
    manifest: ImageManifest,
    config: ImageConfiguration,
    manifest_bytes: Vec<u8>,
    config_bytes: Vec<u8>,
    layers: Vec<Layer>,
}

impl Image {
    /// Reads an image from the bytes of its documents, as a registry or a layout has them.
    ///
    /// # Errors
    /// When one cannot be decoded, the config is not the one that the manifest names, or the two differ about the
    /// number of layers.
    pub fn parse(manifest_bytes: impl Into<Vec<u8>>, config_bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let (manifest_bytes, config_bytes) = (manifest_bytes.into(), config_bytes.into());
        let manifest: ImageManifest = serde_json::from_slice(&manifest_bytes).map_err(Error::json("manifest"))?;
        let config: ImageConfiguration = serde_json::from_slice(&config_bytes).map_err(Error::json("config"))?;
        let (expected, found) = (Digest::try_from(manifest.config().digest())?, Digest::of(&config_bytes));
        if expected != found {
            return Err(Error::Mismatch { expected, found });
        }
        let layers = layers(manifest.layers(), config.rootfs().diff_ids())?;
        Ok(Self { manifest, config, manifest_bytes, config_bytes, layers })
    }

    /// Digest of the manifest: the image's name for ever.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest_bytes)
    }

    /// Digest of the config.
    pub fn config_digest(&self) -> Digest {
        Digest::of(&self.config_bytes)
    }

    /// The manifest as it is stored and sent.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The config as it is stored and sent.
    pub fn config_bytes(&self) -> &[u8] {
        &self.config_bytes
    }

    /// The decoded manifest.
    pub fn manifest(&self) -> &ImageManifest {
        &self.manifest
    }

    /// The decoded config.
    pub fn config(&self) -> &ImageConfiguration {
        &self.config
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        (&self.manifest_bytes, &self.config_bytes) == (&other.manifest_bytes, &other.config_bytes)
    }
}

impl Eq for Image {}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("digest", &self.digest()).field("layers", &self.layers).finish_non_exhaustive()
    }
}

fn layers(descriptors: &[Descriptor], diff_ids: &[String]) -> Result<Vec<Layer>> {
    if descriptors.len() != diff_ids.len() {
        return Err(Error::Image("manifest and config differ about the number of layers"));
    }
    descriptors
        .iter()
        .zip(diff_ids)
        .map(|(descriptor, diff_id)| {
            Ok(Layer {
                digest: Digest::try_from(descriptor.digest())?,
                diff_id: diff_id.parse()?,
                size: descriptor.size(),
                compression: Compression::try_from(descriptor.media_type())?,
            })
        })
        .collect()
}

/// Puts an image together: a base, layers on top, and how to run it.
#[derive(Clone, Debug, Default)]
pub struct ImageBuilder {
    image: ImageConfiguration,
    run: Config,
    layers: Vec<Layer>,
    history: Vec<History>,
    annotations: HashMap<String, String>,
}

impl ImageBuilder {
    /// Starts from nothing, for Linux on the architecture of this program.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts from the layers, environment and all other settings of `base`.
    pub fn from_base(base: &Image) -> Self {
        Self {
            run: base.config.config().clone().unwrap_or_default(),
            history: base.config.history().clone().unwrap_or_default(),
            image: base.config.clone(),
            layers: base.layers.clone(),
            annotations: HashMap::new(),
        }
    }

    /// Adds a layer on top; `created_by` is one line for people who read the history.
    pub fn layer(mut self, layer: Layer, created_by: &str) -> Self {
        self.layers.push(layer);
        self.history.extend(HistoryBuilder::default().created_by(created_by).build());
        self
    }

    /// Sets a variable of the environment, in place of one of the same name.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        let variable = format!("{name}={value}");
        let mut env = self.run.env().clone().unwrap_or_default();
        match env.iter_mut().find(|other| other.split_once('=').is_some_and(|(other, _)| other == name)) {
            Some(other) => *other = variable,
            None => env.push(variable),
        }
        self.run.set_env(Some(env));
        self
    }

    /// The user as `uid:gid`: Kubernetes can tell from a number, and only from a number, that it is not root.
    pub fn user(mut self, user: &str) -> Self {
        self.run.set_user(Some(user.to_owned()));
        self
    }

    /// The program and its first arguments; the base's default arguments are dropped.
    pub fn entrypoint(mut self, entrypoint: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.run.set_entrypoint(Some(entrypoint.into_iter().map(Into::into).collect()));
        self.run.set_cmd(None);
        self
    }

    /// Arguments that whoever starts the container may replace.
    pub fn command(mut self, command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.run.set_cmd(Some(command.into_iter().map(Into::into).collect()));
        self
    }

    /// The folder that the program starts in.
    pub fn working_dir(mut self, folder: &str) -> Self {
        self.run.set_working_dir(Some(folder.to_owned()));
        self
    }

    /// The signal that asks the program to end, where that is not SIGTERM.
    pub fn stop_signal(mut self, signal: &str) -> Self {
        self.run.set_stop_signal(Some(signal.to_owned()));
        self
    }

    /// Says that the program listens on a TCP port.
    pub fn port(mut self, port: u16) -> Self {
        let mut ports = self.run.exposed_ports().clone().unwrap_or_default();
        ports.push(format!("{port}/tcp"));
        self.run.set_exposed_ports(Some(ports));
        self
    }

    /// Sets a label of the config, where `buildpacksio/…` labels live.
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.run.labels_mut().get_or_insert_default().insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets an annotation of the manifest.
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Encodes the documents.
    pub fn build(mut self) -> Result<Image> {
        self.image.set_config(Some(self.run));
        let history = if self.history.is_empty() { None } else { Some(self.history) };
        self.image.set_history(history);
        let diff_ids = self.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        self.image.rootfs_mut().set_diff_ids(diff_ids);
        let config_bytes = json::canonical("config", &self.image)?;

        let size = config_bytes.len() as u64;
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(Descriptor::new(MediaType::ImageConfig, size, Digest::of(&config_bytes)))
            .layers(self.layers.iter().map(Layer::descriptor).collect::<Vec<_>>());
        let manifest = if self.annotations.is_empty() { manifest } else { manifest.annotations(self.annotations) };
        let manifest = manifest.build().map_err(|_| Error::Image("the manifest lacks a field"))?;
        Image::parse(json::canonical("manifest", &manifest)?, config_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;

    fn layer(path: &str) -> Layer {
        let mut tree = Tree::new();
        tree.file(crate::LayerPath::parse(path).unwrap(), crate::Meta::file(crate::Owner::ROOT, false), "x");
        tree.write(Compression::Gzip, std::io::sink()).unwrap().0
    }

    fn base() -> ImageBuilder {
        ImageBuilder::new()
            .layer(layer("etc/os-release"), "Debian")
            .env("PATH", "/bin")
            .env("LANG", "C.UTF-8")
            .label("b", "2")
            .label("a", "1")
            .port(80)
            .port(443)
            .user("1000:1000")
    }

    #[test]
    fn the_same_calls_give_the_same_bytes() {
        let first = base().build().unwrap();
        for _ in 0..20 {
            assert_eq!(base().build().unwrap(), first);
        }
    }

    #[test]
    fn an_app_inherits_its_base() {
        let base = base().build().unwrap();
        let app = ImageBuilder::from_base(&base)
            .layer(layer("workspace/web"), "app")
            .env("PATH", "/cnb/process:/bin")
            .entrypoint(["/cnb/process/web"])
            .build()
            .unwrap();
        assert_eq!(app.layers()[0], base.layers()[0]);
        assert_eq!(app.layers().len(), 2);
        let run = app.config().config().as_ref().unwrap();
        assert_eq!(run.env().as_ref().unwrap(), &["PATH=/cnb/process:/bin", "LANG=C.UTF-8"]);
        assert_eq!(run.user().as_deref(), Some("1000:1000"));
        assert_eq!(app.config().history().as_ref().unwrap().len(), 2);
        assert_ne!(app.digest(), base.digest());
        assert_eq!(Image::parse(app.manifest_bytes(), app.config_bytes()).unwrap(), app);
    }

    #[test]
    fn documents_of_two_images_do_not_match() {
        let (one, other) = (base().build().unwrap(), base().env("A", "b").build().unwrap());
        let error = Image::parse(one.manifest_bytes(), other.config_bytes()).unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    }
}
