//! The program itself, on images that need no Debian package.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use assert_cmd::Command;
use deis_images::names;
use deis_oci::{Image, Layout, Limits, check_layer, unpack};

const CATALOG: &str = r#"
suite = "bookworm"

[images.store]
user = "65532:65532"
entrypoint = ["/usr/bin/store", "serve"]
stop_signal = "SIGINT"
ports = [5432]
env = { DATA = "/data" }
labels = { b = "2", a = "1" }
files = { "/usr/bin/store" = "upstream:store", "/etc/store" = "file:files", "/data" = "directory", "/bin" = "link:usr/bin" }

[images.carrier]
user = "65532:65532"
entrypoint = ["/usr/bin/deis-images"]
files = { "/usr/bin/deis-images" = "bin:deis-images", "/images/store" = "image:store" }
"#;

/// A checkout with a catalog, its files and a program from upstream.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("files")).unwrap();
        fs::create_dir_all(path.join("upstream")).unwrap();
        fs::write(path.join("images.toml"), CATALOG).unwrap();
        fs::write(path.join("files/store.conf"), "listen = 1\n").unwrap();
        fs::write(path.join("upstream/store"), "#!/bin/sh\n").unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, only: &[&str]) -> Command {
        let program = assert_cmd::cargo::cargo_bin!("deis-images");
        let mut command = Command::new(program);
        command.arg("build").arg("--out").arg(self.path("out")).arg("--cache").arg(self.path("cache"));
        command.arg("--catalog").arg(self.path("images.toml")).arg("--upstream-dir").arg(self.path("upstream"));
        command.arg("--bin-dir").arg(program.parent().unwrap());
        command.args(only.iter().flat_map(|name| ["--only", name]));
        command
    }

    fn build(&self) -> Vec<String> {
        let output = self.command(&[]).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap().lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    fn layout(&self) -> Layout {
        Layout::open(self.path("out")).unwrap()
    }

    fn image(&self, name: &str) -> (String, Image) {
        let named = |it: &String| it.starts_with(&format!("deis.local/deis/{name}:")) && !names::is_release(it);
        let (reference, _) = self.layout().images().unwrap().into_iter().find(|(it, _)| named(it)).unwrap();
        let image = self.layout().image(&reference).unwrap();
        (reference, image)
    }
}

#[test]
fn the_same_checkout_gives_the_same_images() {
    let (one, other) = (Checkout::new(), Checkout::new());
    assert_eq!(one.build(), other.build());
    for file in ["out/index.json", "out/images.yaml"] {
        assert_eq!(fs::read(one.path(file)).unwrap(), fs::read(other.path(file)).unwrap(), "{file}");
    }
}

#[test]
fn only_what_changed_is_made_again() {
    let checkout = Checkout::new();
    let first = checkout.build();
    assert_eq!(first.len(), 2);
    let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let values: SystemTime = written(&checkout.path("out/images.yaml"));
    assert_eq!(checkout.build(), [""; 0], "nothing changed, nothing made");
    assert_eq!(written(&checkout.path("out/images.yaml")), values);

    // The same content with a new time is looked at again, and turns out to be the same image.
    fs::write(checkout.path("upstream/store"), "#!/bin/sh\n").unwrap();
    assert_eq!(checkout.build(), [first[0].as_str()]);

    fs::write(checkout.path("upstream/store"), "#!/bin/sh\nexit 1\n").unwrap();
    let second = checkout.build();
    assert_eq!(second.len(), 2, "the image that carries it is made again too");
    assert!(second.iter().all(|reference| !first.contains(reference)), "new content, new tags");
    let kept: Vec<String> = checkout.layout().images().unwrap().into_iter().map(|(reference, _)| reference).collect();
    assert_eq!(kept.len(), 4, "two names each, the old images are pruned: {kept:?}");

    let (reference, image) = checkout.image("store");
    assert!(
        fs::read_to_string(checkout.path("out/images.yaml")).unwrap().contains(&format!("store: \"{reference}\"\n"))
    );
    fs::remove_file(checkout.layout().blob_path(&image.layers()[0].digest)).unwrap();
    assert_eq!(checkout.build(), [reference], "a lost layer is made again");
}

#[test]
fn an_image_holds_what_the_catalog_says() {
    let checkout = Checkout::new();
    checkout.build();
    let (_, image) = checkout.image("store");
    let config = image.config().config().as_ref().unwrap();
    assert_eq!(config.user().as_deref(), Some("65532:65532"));
    assert_eq!(config.stop_signal().as_deref(), Some("SIGINT"));
    assert_eq!(config.entrypoint().as_ref().unwrap(), &["/usr/bin/store", "serve"]);
    assert!(config.env().as_ref().unwrap().contains(&"DATA=/data".to_owned()));

    let layer = image.layers()[0];
    let blob = || checkout.layout().blob(&layer.digest).unwrap();
    check_layer(blob(), layer.compression, &Limits::default()).unwrap().expect(&layer).unwrap();
    let root = checkout.path("root");
    unpack(blob(), layer.compression, &root, &Limits::default()).unwrap();
    assert_eq!(fs::read_to_string(root.join("etc/store/store.conf")).unwrap(), "listen = 1\n");
    assert_eq!(fs::read_to_string(root.join("bin/store")).unwrap(), "#!/bin/sh\n");
    assert!(root.join("data").is_dir());
}

#[test]
fn an_image_has_the_name_of_the_release_as_well() {
    let checkout = Checkout::new();
    checkout.build();
    let named = || checkout.layout().image(&names::release("store")).unwrap();
    let (reference, first) = checkout.image("store");
    assert_eq!(named(), first);
    assert!(checkout.layout().images().unwrap().iter().any(|(name, _)| *name == reference));

    fs::write(checkout.path("upstream/store"), "#!/bin/sh\nexit 1\n").unwrap();
    checkout.build();
    let (_, second) = checkout.image("store");
    assert_ne!(second, first);
    assert_eq!(named(), second, "the name moves on");

    // A layout that was written before images had two names.
    checkout.layout().prune(|reference| !names::is_release(reference)).unwrap();
    assert_eq!(checkout.build(), [""; 0], "nothing is made again for a name");
    assert_eq!(named(), second);
}

#[test]
fn a_carried_image_is_a_layout_of_its_own() {
    let checkout = Checkout::new();
    checkout.build();
    let (reference, store) = checkout.image("store");
    let (_, carrier) = checkout.image("carrier");
    let layer = carrier.layers()[0];
    let root = checkout.path("root");
    unpack(checkout.layout().blob(&layer.digest).unwrap(), layer.compression, &root, &Limits::default()).unwrap();
    let carried = Layout::open(root.join("images/store")).unwrap();
    assert_eq!(carried.image(&reference).unwrap(), store);
    assert!(carried.contains(&store.layers()[0].digest));
}

#[test]
fn what_is_missing_is_named() {
    let checkout = Checkout::new();
    fs::remove_file(checkout.path("upstream/store")).unwrap();
    let error = checkout.command(&["store"]).assert().failure().get_output().stderr.clone();
    let error = String::from_utf8(error).unwrap();
    assert!(error.contains("image store") && error.contains("upstream/store is missing"), "{error}");
}
