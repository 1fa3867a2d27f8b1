//! What a builder finds in its pod.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use deis_oci::{Compression, ImageBuilder, LayerPath, Layout, Meta, Owner, Tree};
use tempfile::TempDir;

/// A folder with all of it.
pub(super) fn prepared() -> Arc<TempDir> {
    let root = Arc::new(tempfile::tempdir().unwrap());
    write_identity(&root.path().join("tls"));
    write_host_keys(&root.path().join("host-keys"));
    write_run_image(&root.path().join("stack-run"));
    root
}

/// A certificate for the builder and for those who call it (in folders of theirs), and the authority that signed them.
fn write_identity(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    for (service, folder) in ["builder", "workflow", "state", "router"].map(|service| (service, folder.join(service))) {
        let mut params = CertificateParams::new(vec![format!("deis-{service}")]).unwrap();
        params.subject_alt_names.push(SanType::URI(format!("spiffe://deis/{service}").try_into().unwrap()));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in
            [("tls.crt", certificate.pem()), ("ca.crt", authority_certificate.pem()), ("tls.key", key.serialize_pem())]
        {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// PKCS#8 PEM, as `deisctl init` writes them.
fn write_host_keys(folder: &Path) {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
    fs::create_dir_all(folder).unwrap();
    for (name, algorithm) in [("ssh-host-ed25519-key", &PKCS_ED25519), ("ssh-host-ecdsa-key", &PKCS_ECDSA_P256_SHA256)]
    {
        let key = KeyPair::generate_for(algorithm).unwrap();
        fs::write(folder.join(name), key.serialize_pem()).unwrap();
    }
}

/// A run image of one file.
fn write_run_image(folder: &Path) {
    let layout = Layout::create(folder).unwrap();
    let mut tree = Tree::new();
    tree.file(LayerPath::parse("etc/stack").unwrap(), Meta::file(Owner::ROOT, false), "bookworm");
    let (layer, writer) = tree.write(Compression::Gzip, layout.writer().unwrap()).unwrap();
    writer.commit(&layer).unwrap();
    let image = ImageBuilder::new().layer(layer, "stack").entrypoint(["/cnb/lifecycle/launcher"]).build().unwrap();
    layout.add(&image, "deis/stack-run:1").unwrap();
}
