//! Every process of the node: which program, with which arguments, and the configuration files that they read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::folder::{Folder, INSIDE, PROGRAMS_INSIDE};
use crate::network::{NODE_ADDRESS, POD_RANGE, SERVICE_RANGE};
use crate::pki::NODE_NAME;

/// Configuration files below the node's `etc/`.
const FILES: [(&str, &str); 6] = [
    ("containerd.toml", include_str!("../config/containerd.toml")),
    ("certs.d/127.0.0.1:5555/hosts.toml", include_str!("../config/hosts.toml")),
    ("cni/10-deis.conflist", include_str!("../config/cni.conflist")),
    ("kubelet.yaml", include_str!("../config/kubelet.yaml")),
    ("audit.yaml", include_str!("../config/audit.yaml")),
    ("Corefile", include_str!("../config/Corefile")),
];

/// One process.
#[derive(Debug)]
pub struct Component {
    /// Its name, and that of its log.
    pub name: &'static str,
    /// The program's path inside the node.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
}

/// Where metrics-server serves, on the node's own address.
pub const METRICS_PORT: u16 = 4443;

/// What can start at once: the stores and the runtime.
pub const FIRST: [&str; 3] = ["etcd", "containerd", "kube-apiserver"];
/// What can start when the API server answers: its clients.
pub const SECOND: [&str; 6] =
    ["kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns", "metrics-server"];

/// Writes the configuration files.
pub fn write_files(folder: &Folder) -> Result<()> {
    for (name, content) in FILES {
        let path = folder.etc().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// All processes, in the order in which they start.
pub fn all() -> Vec<Component> {
    FIRST.into_iter().chain(SECOND).filter_map(named).collect()
}

/// The process of that name.
pub fn named(name: &str) -> Option<Component> {
    let etc = format!("{INSIDE}/etc");
    let kubeconfig = |user: &str| format!("--kubeconfig={etc}/{user}.kubeconfig");
    Some(match name {
        "etcd" => Component {
            name: "etcd",
            program: format!("{PROGRAMS_INSIDE}/etcd"),
            // Only the node's own loopback: no pod reaches it.
            args: strings([
                "--data-dir=/var/lib/etcd",
                "--listen-client-urls=http://127.0.0.1:2379",
                "--advertise-client-urls=http://127.0.0.1:2379",
                "--listen-peer-urls=http://127.0.0.1:2380",
                "--initial-advertise-peer-urls=http://127.0.0.1:2380",
                "--initial-cluster=default=http://127.0.0.1:2380",
            ]),
        },
        "containerd" => Component {
            name: "containerd",
            program: "/usr/bin/containerd".to_owned(),
            args: vec![format!("--config={etc}/containerd.toml")],
        },
        "kube-apiserver" => kube(
            "kube-apiserver",
            [
                "--etcd-servers=http://127.0.0.1:2379".to_owned(),
                format!("--advertise-address={NODE_ADDRESS}"),
                format!("--service-cluster-ip-range={SERVICE_RANGE}"),
                "--authorization-mode=Node,RBAC".to_owned(),
                "--enable-admission-plugins=NodeRestriction".to_owned(),
                "--allow-privileged=true".to_owned(),
                format!("--client-ca-file={etc}/pki/ca.crt"),
                format!("--tls-cert-file={etc}/pki/apiserver.crt"),
                format!("--tls-private-key-file={etc}/pki/apiserver.key"),
                "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                format!("--service-account-key-file={etc}/pki/service-accounts.pub"),
                format!("--service-account-signing-key-file={etc}/pki/service-accounts.key"),
                format!("--kubelet-certificate-authority={etc}/pki/ca.crt"),
                format!("--kubelet-client-certificate={etc}/pki/kubelet-client.crt"),
                format!("--kubelet-client-key={etc}/pki/kubelet-client.key"),
                // Else logs and exec would ask a name server for the node's name.
                "--kubelet-preferred-address-types=InternalIP".to_owned(),
                // What it shows to the API servers behind it, here metrics-server, and by which name they know it.
                format!("--requestheader-client-ca-file={etc}/pki/ca.crt"),
                "--requestheader-allowed-names=kube-apiserver".to_owned(),
                "--requestheader-username-headers=X-Remote-User".to_owned(),
                "--requestheader-group-headers=X-Remote-Group".to_owned(),
                "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
                format!("--proxy-client-cert-file={etc}/pki/kubelet-client.crt"),
                format!("--proxy-client-key-file={etc}/pki/kubelet-client.key"),
                format!("--audit-policy-file={etc}/audit.yaml"),
                "--audit-log-path=/var/log/audit.log".to_owned(),
                "--audit-log-maxsize=100".to_owned(),
                "--audit-log-maxbackup=2".to_owned(),
            ],
        ),
        "kube-controller-manager" => kube(
            "kube-controller-manager",
            [
                kubeconfig("controller-manager"),
                format!("--cluster-cidr={POD_RANGE}"),
                "--allocate-node-cidrs=true".to_owned(),
                format!("--root-ca-file={etc}/pki/ca.crt"),
                format!("--service-account-private-key-file={etc}/pki/service-accounts.key"),
                "--use-service-account-credentials=true".to_owned(),
                "--leader-elect=false".to_owned(),
                // An autoscaler looks every 15 s, waits half a minute for a new pod's figures and five minutes before it takes one away:
                // here it is no more patient than metrics-server, which has new figures every 10 s.
                "--horizontal-pod-autoscaler-sync-period=2s".to_owned(),
                "--horizontal-pod-autoscaler-initial-readiness-delay=5s".to_owned(),
                "--horizontal-pod-autoscaler-cpu-initialization-period=10s".to_owned(),
                "--horizontal-pod-autoscaler-downscale-stabilization=15s".to_owned(),
            ],
        ),
        "kube-scheduler" => kube("kube-scheduler", [kubeconfig("scheduler"), "--leader-elect=false".to_owned()]),
        "kubelet" => kube(
            "kubelet",
            [
                format!("--config={etc}/kubelet.yaml"),
                kubeconfig("kubelet"),
                format!("--hostname-override={NODE_NAME}"),
                format!("--node-ip={NODE_ADDRESS}"),
            ],
        ),
        "kube-proxy" => kube(
            "kube-proxy",
            [
                kubeconfig("proxy"),
                "--proxy-mode=iptables".to_owned(),
                format!("--cluster-cidr={POD_RANGE}"),
                format!("--hostname-override={NODE_NAME}"),
                // The table's size is the whole machine's: not ours to set.
                "--conntrack-max-per-core=0".to_owned(),
            ],
        ),
        "metrics-server" => kube(
            "metrics-server",
            [
                kubeconfig("metrics-server"),
                format!("--authentication-kubeconfig={etc}/metrics-server.kubeconfig"),
                format!("--authorization-kubeconfig={etc}/metrics-server.kubeconfig"),
                format!("--bind-address={NODE_ADDRESS}"),
                format!("--secure-port={METRICS_PORT}"),
                format!("--tls-cert-file={etc}/pki/metrics-server.crt"),
                format!("--tls-private-key-file={etc}/pki/metrics-server.key"),
                format!("--kubelet-certificate-authority={etc}/pki/ca.crt"),
                "--kubelet-preferred-address-types=InternalIP".to_owned(),
                // As often as it can: who waits for an autoscaler waits for this.
                "--metric-resolution=10s".to_owned(),
                "--kubelet-request-timeout=5s".to_owned(),
            ],
        ),
        "coredns" => Component {
            name: "coredns",
            program: format!("{PROGRAMS_INSIDE}/coredns"),
            args: vec!["-conf".to_owned(), format!("{etc}/Corefile")],
        },
        _ => return None,
    })
}

fn kube<const N: usize>(name: &'static str, flags: [String; N]) -> Component {
    let args = std::iter::once(name.to_owned()).chain(flags).collect();
    Component { name, program: format!("{PROGRAMS_INSIDE}/kube"), args }
}

fn strings<const N: usize>(args: [&str; N]) -> Vec<String> {
    args.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NODE_ADDRESS;

    #[test]
    fn every_process_has_its_command_line() {
        let lines: Vec<String> =
            all().iter().map(|it| format!("{}: {} {}", it.name, it.program, it.args.join(" \\\n    "))).collect();
        assert_eq!(lines.len(), FIRST.len() + SECOND.len());
        insta::assert_snapshot!(lines.join("\n\n"));
    }

    #[test]
    fn files_and_constants_name_the_same_addresses() {
        let content = |name: &str| FILES.iter().find(|(file, _)| *file == name).unwrap().1;
        assert!(content("kubelet.yaml").contains(&format!("clusterDNS: [{NODE_ADDRESS}]")));
        assert!(content("Corefile").contains(&format!("bind {NODE_ADDRESS}")));
        assert!(content("cni/10-deis.conflist").contains("10.244.0.0/24") && POD_RANGE == "10.244.0.0/16");
    }
}
