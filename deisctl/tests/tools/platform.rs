//! A platform that is well, as Kubernetes tells of it, and what changes when an operator works on it.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::cluster::{Cluster, list};

const DEPLOYMENTS: [&str; 5] = ["router", "workflow", "builder", "logger", "state"];
const STATEFUL_SETS: [&str; 4] = ["registry", "database", "etcd", "logger-redis"];
const DAEMON_SETS: [&str; 2] = ["registry-proxy", "logger-agent"];

/// One node with namespace `deis`, and what stands in it.
pub(crate) struct Platform {
    is_there: Cell<bool>,
    routers: Cell<u8>,
    has_node_shell: Cell<bool>,
}

impl Platform {
    pub(crate) fn well() -> Self {
        Self { is_there: Cell::new(true), routers: Cell::new(2), has_node_shell: Cell::new(false) }
    }

    pub(crate) async fn cluster(self) -> Cluster {
        Cluster::new(move |asked| self.answer(asked)).await
    }

    pub(crate) fn answer(&self, asked: &str) -> Option<Value> {
        let (method, path) = asked.split_once(' ').unwrap();
        if let Some(name) = path.strip_prefix("/apis/apps/v1/namespaces/deis/") {
            return self.workloads(method, name);
        }
        if let Some(name) = path.strip_prefix("/api/v1/namespaces/deis/pods") {
            return self.pods(method, name);
        }
        Some(match asked {
            "GET /version" => json!({
                "major": "1", "minor": "35", "gitVersion": "v1.35.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "", "platform": "",
            }),
            "GET /apis" => json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] }),
            "GET /api/v1/nodes" => list(&[node()]),
            "GET /api/v1/pods" => list(&self.all_pods()),
            "GET /api/v1/namespaces/deis" if self.is_there.get() => namespace(),
            "DELETE /api/v1/namespaces/deis" => {
                self.is_there.set(false);
                namespace()
            }
            "POST /api/v1/namespaces/deis/secrets" => json!({ "metadata": { "name": "x", "namespace": "deis" } }),
            _ => return None,
        })
    }

    fn workloads(&self, method: &str, name: &str) -> Option<Value> {
        let (kind, name) = name.split_once('/').map_or((name, None), |(kind, name)| (kind, Some(name)));
        let parts = match kind {
            "deployments" => DEPLOYMENTS.as_slice(),
            "statefulsets" => STATEFUL_SETS.as_slice(),
            "daemonsets" => DAEMON_SETS.as_slice(),
            _ => return None,
        };
        let Some(name) = name else {
            return Some(list(&parts.iter().map(|part| self.workload(kind, part)).collect::<Vec<_>>()));
        };
        if (method, name) == ("PATCH", "deis-router/scale") {
            self.routers.set(3);
            return Some(
                json!({ "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": { "name": "deis-router" } }),
            );
        }
        let part = name.strip_prefix("deis-").filter(|part| parts.contains(part))?;
        Some(self.workload(kind, part))
    }

    /// All of its pods are ready and of its newest template.
    fn workload(&self, kind: &str, part: &str) -> Value {
        let count = self.count(part);
        let status = match kind {
            "daemonsets" => json!({
                "desiredNumberScheduled": count, "currentNumberScheduled": count, "numberMisscheduled": 0,
                "numberReady": count, "numberAvailable": count, "updatedNumberScheduled": count,
            }),
            _ => json!({
                "replicas": count, "readyReplicas": count, "availableReplicas": count, "updatedReplicas": count,
            }),
        };
        let image = format!("deis.local/deis/{part}:{}", env!("CARGO_PKG_VERSION"));
        let template = json!({ "spec": { "containers": [{ "name": part, "image": image }] } });
        json!({
            "metadata": { "name": format!("deis-{part}"), "namespace": "deis", "uid": part, "resourceVersion": "1" },
            "spec": { "replicas": count, "selector": {}, "template": template, "serviceName": format!("deis-{part}") },
            "status": status,
        })
    }

    fn count(&self, part: &str) -> u8 {
        if part == "router" { self.routers.get() } else { 1 }
    }

    fn pods(&self, method: &str, name: &str) -> Option<Value> {
        Some(match (method, name) {
            ("GET", "") => list(&self.all_pods()),
            ("POST", "") => {
                self.has_node_shell.set(true);
                node_shell()
            }
            ("DELETE", "/deis-node-shell-x") => {
                self.has_node_shell.set(false);
                node_shell()
            }
            ("GET", "/deis-node-shell-x/exec chroot /host uname -n") => json!({ "stdout": "one\n", "exit": 0 }),
            ("GET", "/deis-router-a/exec cat /etc/hostname") => json!({ "stdout": "deis-router-a\n", "exit": 0 }),
            ("GET", "/deis-router-a/exec sh -c exit 7") => json!({ "stderr": "no\n", "exit": 7 }),
            ("GET", "/deis-workflow-a/portforward 8000") => json!({ "GET /readiness": 200 }),
            ("GET", log) if log.ends_with("/log") => "listening\nserving\n".into(),
            _ => return None,
        })
    }

    fn all_pods(&self) -> Vec<Value> {
        let parts = DEPLOYMENTS.iter().chain(&STATEFUL_SETS).chain(&DAEMON_SETS);
        let letters = ["a", "b", "c"];
        let pods =
            parts.flat_map(|part| letters.iter().take(self.count(part).into()).map(move |letter| pod(part, letter)));
        pods.chain(self.has_node_shell.get().then(node_shell)).collect()
    }
}

fn pod(part: &str, letter: &str) -> Value {
    let name = format!("deis-{part}-{letter}");
    json!({
        "metadata": { "name": name, "namespace": "deis", "uid": name, "resourceVersion": "1",
                      "labels": { "app": format!("deis-{part}"), "heritage": "deis" } },
        "spec": { "nodeName": "one", "containers": [{ "name": part }] },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

fn node_shell() -> Value {
    json!({
        "metadata": { "name": "deis-node-shell-x", "namespace": "deis", "uid": "x", "resourceVersion": "1",
                      "labels": { "app": "deis-node-shell" } },
        "spec": { "nodeName": "one", "containers": [{ "name": "shell" }] },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

fn node() -> Value {
    let info = json!({
        "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "",
        "kubeletVersion": "v1.35.0", "machineID": "", "operatingSystem": "linux", "osImage": "", "systemUUID": "",
    });
    json!({
        "metadata": { "name": "one", "labels": { "node-role.kubernetes.io/control-plane": "" } },
        "spec": {},
        "status": {
            "conditions": [{ "type": "Ready", "status": "True" }], "nodeInfo": info,
            "addresses": [{ "type": "InternalIP", "address": "10.0.0.1" }, { "type": "Hostname", "address": "one" }],
        },
    })
}

fn namespace() -> Value {
    json!({ "metadata": { "name": "deis", "uid": "deis", "resourceVersion": "1" } })
}
