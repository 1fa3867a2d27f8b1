use std::rc::Rc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::json;

use crate::cluster::{Cluster, list};

/// The signal comes while the API server makes the pod.
#[tokio::test]
async fn a_signal_while_the_pod_is_made_leaves_none_behind() {
    let process = Rc::new(Mutex::new(None));
    let known = Rc::clone(&process);
    let node = json!({ "metadata": { "name": "one" } });
    let container = json!({ "name": "registry-proxy", "image": "deis.local/deis/registry-proxy:0" });
    let proxy =
        json!({ "metadata": {}, "spec": { "selector": {}, "template": { "spec": { "containers": [container] } } } });
    let cluster = Cluster::new(move |asked| match asked {
        "GET /api/v1/nodes" => Some(list(std::slice::from_ref(&node))),
        "GET /apis/apps/v1/namespaces/deis/daemonsets/deis-registry-proxy" => Some(proxy.clone()),
        "POST /api/v1/namespaces/deis/pods" => {
            kill(Pid::from_raw((*known.lock()).unwrap()), Signal::SIGTERM).unwrap();
            Some(json!({ "metadata": { "name": "deis-node-shell-x", "namespace": "deis" } }))
        }
        "DELETE /api/v1/namespaces/deis/pods/deis-node-shell-x" => {
            Some(json!({ "metadata": { "name": "deis-node-shell-x" } }))
        }
        _ => None,
    })
    .await;
    let child = cluster.command("ssh one -- true").spawn().unwrap();
    *process.lock() = Some(child.id().unwrap().try_into().unwrap());
    let output = cluster.during(child.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(143), "{output:?}");
    let asked = cluster.asked();
    assert_eq!(asked.last().unwrap(), "DELETE /api/v1/namespaces/deis/pods/deis-node-shell-x", "{asked:#?}");
}
