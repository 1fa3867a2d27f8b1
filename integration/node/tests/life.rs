//! The whole life of a node: what is started stays, what is stopped goes, and nothing else on the machine moves.
//!
//! It needs root and a machine without a running node, so it runs only when asked for:
//! `cargo test -p deis-node --test life -- --ignored`.

#![expect(clippy::unwrap_used, reason = "a test asserts by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use deis_node::folder::Folder;
use deis_node::{DOMAIN, Node, exec};
use serde_json::{Value, json};

const OBJECTS: &str = include_str!("life.yaml");
const IMAGE: &str = "deis.local/test/etcd:1";
/// `KEY` and `value`, as etcd's JSON wants them.
const KEY: &str = "S0VZ";
const VALUE: &str = "dmFsdWU=";

struct Bench {
    folder: Folder,
}

impl Bench {
    async fn deis_node(&self, args: &[&str]) -> String {
        self.try_deis_node(args).await.unwrap()
    }

    async fn try_deis_node(&self, args: &[&str]) -> Result<String> {
        let folder = self.folder.path().to_string_lossy().into_owned();
        // A cluster that the caller uses is not this test's.
        let program = ["-u", "KUBECONFIG", env!("CARGO_BIN_EXE_deis-node"), "--dir", &folder];
        exec::output_in(Path::new("/"), "env", &[program.as_slice(), args].concat()).await
    }

    fn node(&self) -> Node {
        Node::of(self.folder.clone()).unwrap()
    }

    async fn kubectl(&self, args: &[&str]) -> String {
        self.try_kubectl(args).await.unwrap()
    }

    async fn try_kubectl(&self, args: &[&str]) -> Result<String> {
        let node = self.node();
        let kubeconfig = format!("--kubeconfig={}", node.kubeconfig().display());
        let args = [&[kubeconfig.as_str()], args].concat();
        exec::output(&node.programs().join("kubectl").to_string_lossy(), &args).await
    }

    /// The address of the Service, as soon as it has one.
    async fn address(&self) -> String {
        let path = "jsonpath={.status.loadBalancer.ingress[0].ip}";
        let wait = ["wait", &format!("--for={path}"), "service/store", "--timeout=10s"];
        self.kubectl(&wait).await;
        self.kubectl(&["get", "service/store", "-o", path]).await
    }
}

impl Drop for Bench {
    /// A failed test must not leave a node behind whose folder is gone.
    fn drop(&mut self) {
        let args = ["--dir", &self.folder.path().to_string_lossy(), "down"];
        exec::feed(env!("CARGO_BIN_EXE_deis-node"), &args, "").unwrap();
    }
}

/// Everything that a node could leave behind on the machine.
async fn traces() -> BTreeSet<String> {
    let mut traces: BTreeSet<String> = BTreeSet::new();
    let commands: [(&str, &[&str]); 5] = [
        ("ip", &["-brief", "link"]),
        ("ip", &["route"]),
        ("ip", &["netns"]),
        ("iptables-save", &[]),
        ("findmnt", &["--raw", "--noheadings"]),
    ];
    for (program, args) in commands {
        let output = exec::output(program, args).await.unwrap();
        let lines = output.lines().filter(|line| !line.starts_with(['#', ':']));
        traces.extend(lines.map(|line| format!("{program}: {line}")));
    }
    for folder in ["/run/containerd", "/run/netns", "/var/lib/cni", "/var/lib/kubelet", "/var/log/pods"] {
        traces.extend(Path::new(folder).exists().then(|| folder.to_owned()));
    }
    let ours = fs::read_link("/proc/self/ns/pid").unwrap();
    for process in fs::read_dir("/proc").unwrap() {
        let process = process.unwrap().path();
        let line = fs::read_to_string(process.join("cmdline")).unwrap_or_default().replace('\0', " ");
        // A process that has ended, but that its parent has not asked for yet, has no namespaces.
        let inside = fs::read_link(process.join("ns/pid")).is_ok_and(|namespace| namespace != ours);
        traces.extend((inside || line.contains(" supervise ")).then_some(line));
    }
    for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap() {
        let group = hierarchy.unwrap().path().join("deis-node");
        traces.extend(group.exists().then(|| group.display().to_string()));
    }
    traces
}

/// Waits for the address to answer: kube-proxy gathers changes for up to a second and announces nothing.
async fn answers(base: &str) {
    let answer = async || reqwest::get(format!("{base}/health")).await.ok();
    exec::eventually("the pod answers", Duration::from_secs(60), answer).await.unwrap();
}

/// One call of etcd's JSON gateway.
async fn store(base: &str, call: &str, body: Value) -> Value {
    let client = reqwest::Client::new();
    let answer = client.post(format!("{base}/v3/kv/{call}")).json(&body).send().await.unwrap();
    answer.error_for_status().unwrap().json().await.unwrap()
}

/// What was not there before. What an earlier node had left when its machine was cut off may be gone: a start clears it away.
async fn left_since(before: &BTreeSet<String>) -> Vec<String> {
    traces().await.difference(before).cloned().collect()
}

#[tokio::test]
#[ignore = "starts and stops a node: needs root, and that none runs"]
async fn a_node_keeps_what_it_should_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let bench = Bench { folder: Folder::new(temporary.path().join("node")) };
    let before = traces().await;

    bench.deis_node(&["up"]).await;
    let first = bench.node().namespaces().unwrap();
    bench.deis_node(&["up"]).await;
    assert_eq!(bench.node().namespaces().unwrap(), first, "a running node was started again");

    // A pod on a volume, behind an address that the machine reaches, and behind a name.
    let etcd = bench.node().programs().join("etcd");
    bench.node().containerd().unwrap().load_program(IMAGE, &etcd).unwrap();
    let objects = temporary.path().join("objects.yaml");
    fs::write(&objects, OBJECTS).unwrap();
    bench.kubectl(&["apply", "-f", &objects.to_string_lossy()]).await;
    bench.kubectl(&["rollout", "status", "statefulset/store", "--timeout=60s"]).await;
    let address = format!("http://{}:8379", bench.address().await);
    answers(&address).await;
    store(&address, "put", json!({ "key": KEY, "value": VALUE })).await;
    let name = format!("http://any.{DOMAIN}:8379");
    assert_eq!(store(&name, "range", json!({ "key": KEY })).await["kvs"][0]["value"], VALUE);

    // A second node is refused, and does not harm the first.
    let second = Bench { folder: Folder::new(temporary.path().join("second")) };
    let refusal = second.try_deis_node(&["up"]).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("from the folder {}", bench.folder.path().display())), "{refusal}");
    drop(second);
    answers(&address).await;

    // A component that dies comes back.
    bench.deis_node(&["exec", "--", "pkill", "--signal", "KILL", "--exact", "etcd"]).await;
    let api = async || bench.try_kubectl(&["get", "--raw", "/readyz"]).await.ok();
    exec::eventually("the API server is ready again", Duration::from_secs(60), api).await.unwrap();

    // Switched off and on: the address, the object and the data are there.
    bench.deis_node(&["down", "--keep-data"]).await;
    assert_eq!(left_since(&before).await, Vec::<String>::new());
    bench.deis_node(&["up"]).await;
    // The pod's old Ready may be what Kubernetes remembers: only an answer proves it.
    answers(&address).await;
    assert_eq!(store(&address, "range", json!({ "key": KEY })).await["kvs"][0]["value"], VALUE);

    // The audit log names who did what.
    let audit = fs::read_to_string(bench.node().audit_log()).unwrap();
    assert!(audit.lines().any(|line| line.contains("persistentvolumeclaims") && line.contains(r#""verb":"create""#)));

    // A claim's data goes with it, and an address with its Service.
    bench.kubectl(&["delete", "statefulset/store", "service/store", "pvc/data-store-0"]).await;
    bench.kubectl(&["wait", "--for=delete", "pv", "--all", "--timeout=20s"]).await;
    assert_eq!(fs::read_dir(bench.folder.lib().join("volumes")).unwrap().count(), 0);
    assert!(reqwest::get(format!("{name}/health")).await.unwrap_err().is_connect());

    bench.deis_node(&["down"]).await;
    assert!(!bench.folder.path().exists());
    assert_eq!(left_since(&before).await, Vec::<String>::new());
}
