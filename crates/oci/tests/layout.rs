//! Layout folders.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::fs;

use deis_oci::{Compression, Error, Image, ImageBuilder, Layer, LayerPath, Layout, Meta, Owner, Tree};

fn layer(layout: &Layout, content: &str) -> Layer {
    let mut tree = Tree::new();
    tree.file(LayerPath::parse("file").unwrap(), Meta::file(Owner::ROOT, false), content);
    let (layer, blob) = tree.write(Compression::Gzip, layout.writer().unwrap()).unwrap();
    blob.commit(&layer).unwrap();
    layer
}

fn image(layout: &Layout, content: &str) -> Image {
    ImageBuilder::new().layer(layer(layout, content), "test").build().unwrap()
}

fn blobs(layout: &Layout) -> usize {
    fs::read_dir(layout.root().join("blobs/sha256")).unwrap().count()
}

#[test]
fn what_is_added_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).unwrap();
    let (one, two) = (image(&layout, "one"), image(&layout, "two"));
    layout.add(&two, "deis.local/deis/two:2").unwrap();
    layout.add(&one, "deis.local/deis/one:1").unwrap();

    let again = Layout::open(folder.path()).unwrap();
    let expected =
        [("deis.local/deis/one:1".to_owned(), one.digest()), ("deis.local/deis/two:2".to_owned(), two.digest())];
    assert_eq!(again.images().unwrap(), expected);
    assert_eq!(again.image("deis.local/deis/one:1").unwrap(), one);
    assert!(matches!(again.image("deis.local/deis/three:3"), Err(Error::NoImage(_))));
    assert_eq!(fs::read_to_string(folder.path().join("oci-layout")).unwrap(), r#"{"imageLayoutVersion":"1.0.0"}"#);
}

#[test]
fn the_index_does_not_depend_on_the_order_of_work() {
    let index = |names: [&str; 2]| {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        for name in names {
            layout.add(&image(&layout, name), name).unwrap();
        }
        fs::read(folder.path().join("index.json")).unwrap()
    };
    assert_eq!(index(["a:1", "b:1"]), index(["b:1", "a:1"]));
}

#[test]
fn an_image_needs_its_layers() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let image = image(&Layout::create(one.path()).unwrap(), "one");
    let other = Layout::create(other.path()).unwrap();
    assert!(matches!(other.add(&image, "one:1"), Err(Error::NoBlob(_))));
    assert_eq!(other.images().unwrap(), []);
}

#[test]
fn prune_keeps_what_is_named_and_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).unwrap();
    let (one, two) = (image(&layout, "one"), image(&layout, "two"));
    layout.add(&one, "name:1").unwrap();
    layout.add(&two, "name:1").unwrap();
    layout.add(&one, "old:1").unwrap();
    let unfinished = layout.writer().unwrap();
    assert_eq!(blobs(&layout), 7);
    drop(unfinished);
    assert_eq!(blobs(&layout), 6, "an abandoned blob is deleted at once");

    layout.prune(|name| name == "name:1").unwrap();
    assert_eq!(blobs(&layout), 3);
    assert_eq!(layout.image("name:1").unwrap(), two);
    assert!(matches!(layout.blob(&one.layers()[0].digest), Err(Error::NoBlob(_))));
}

#[test]
fn content_is_compared_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).unwrap();
    let image = image(&layout, "one");
    layout.add(&image, "one:1").unwrap();
    fs::write(layout.blob_path(&image.config_digest()), "{}").unwrap();
    assert!(matches!(layout.image("one:1"), Err(Error::Mismatch { .. })));
}
