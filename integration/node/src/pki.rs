//! The cluster's certificates: one authority, and one identity for each component, with the names that Kubernetes' own
//! role bindings know.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::folder::Folder;
use crate::network::{API_SERVICE_ADDRESS, NODE_ADDRESS};

/// The Kubernetes name of the only node.
pub const NODE_NAME: &str = "node";

/// A component's identity: the user, and its group if it has one.
struct Identity {
    name: &'static str,
    user: &'static str,
    group: Option<&'static str>,
    /// Names under which it serves; empty for mere clients.
    serves: &'static [&'static str],
}

const IDENTITIES: [Identity; 8] = [
    Identity {
        name: "apiserver",
        user: "kube-apiserver",
        group: None,
        serves: &[
            NODE_ADDRESS,
            API_SERVICE_ADDRESS,
            "127.0.0.1",
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ],
    },
    Identity {
        name: "kubelet",
        user: "system:node:node",
        group: Some("system:nodes"),
        serves: &[NODE_ADDRESS, NODE_NAME],
    },
    Identity { name: "kubelet-client", user: "kube-apiserver", group: Some("system:masters"), serves: &[] },
    Identity { name: "controller-manager", user: "system:kube-controller-manager", group: None, serves: &[] },
    Identity { name: "scheduler", user: "system:kube-scheduler", group: None, serves: &[] },
    Identity { name: "proxy", user: "system:kube-proxy", group: None, serves: &[] },
    // It asks the kubelet for what pods use, and the API server who asks it and whether he may.
    Identity {
        name: "metrics-server",
        user: "metrics-server",
        group: Some("system:masters"),
        serves: &["metrics-server.kube-system.svc"],
    },
    Identity { name: "admin", user: "admin", group: Some("system:masters"), serves: &[] },
];

/// Writes certificates, keys and kubeconfigs below the node's `etc/`, unless a kept folder has them already: tokens
/// that pods hold must stay valid.
pub fn ensure(folder: &Folder) -> Result<()> {
    let pki = folder.etc().join("pki");
    if folder.kubeconfig().exists() {
        return Ok(());
    }
    fs::create_dir_all(&pki).with_context(|| format!("making {}", pki.display()))?;
    let authority = CertifiedIssuer::self_signed(authority_params(), KeyPair::generate()?)?;
    write(&pki.join("ca.crt"), &authority.pem())?;

    let tokens = KeyPair::generate()?;
    write(&pki.join("service-accounts.key"), &tokens.serialize_pem())?;
    write(&pki.join("service-accounts.pub"), &tokens.public_key_pem())?;

    // The administrator comes last: its kubeconfig says that all is there.
    for identity in &IDENTITIES {
        let key = KeyPair::generate()?;
        let certificate = params(identity)?.signed_by(&key, &authority)?;
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        write(&pki.join(format!("{}.crt", identity.name)), &certificate)?;
        write(&pki.join(format!("{}.key", identity.name)), &key)?;
        let kubeconfig = kubeconfig(&authority.pem(), identity.name, &certificate, &key);
        write(&folder.etc().join(format!("{}.kubeconfig", identity.name)), &kubeconfig)?;
    }
    Ok(())
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "deis-node");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn params(identity: &Identity) -> Result<CertificateParams> {
    let names: Vec<String> = identity.serves.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, identity.user);
    if let Some(group) = identity.group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// A kubeconfig that needs no other file, so that it may be copied anywhere.
fn kubeconfig(authority: &str, name: &str, certificate: &str, key: &str) -> String {
    let (authority, certificate, key) =
        (STANDARD.encode(authority), STANDARD.encode(certificate), STANDARD.encode(key));
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: deis-node
  cluster:
    server: https://{NODE_ADDRESS}:6443
    certificate-authority-data: {authority}
users:
- name: {name}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: deis-node
  context:
    cluster: deis-node
    user: {name}
current-context: deis-node
"
    )
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).with_context(|| format!("writing {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_folder_keeps_its_keys() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path());
        ensure(&folder).unwrap();
        let key = fs::read(folder.etc().join("pki/service-accounts.key")).unwrap();
        let kubeconfig = fs::read_to_string(folder.kubeconfig()).unwrap();
        assert!(kubeconfig.contains("server: https://198.18.0.2:6443"));
        ensure(&folder).unwrap();
        assert_eq!(fs::read(folder.etc().join("pki/service-accounts.key")).unwrap(), key);
        assert_eq!(fs::read_to_string(folder.kubeconfig()).unwrap(), kubeconfig);
    }

    #[test]
    fn keys_are_for_their_owner_only() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path());
        ensure(&folder).unwrap();
        for entry in fs::read_dir(folder.etc().join("pki")).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
