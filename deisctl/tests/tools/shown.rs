//! What the commands that only look say of a platform, on a wide and on a narrow terminal.

use serde_json::{Value, json};

use crate::cluster::{Cluster, list};

const PODS: &str = "/api/v1/namespaces/deis/pods";

/// A platform of which Kubernetes alone tells: two routers, one of which is ready, a database, and no other part.
fn answer(asked: &str) -> Option<Value> {
    let template = |image: &str| json!({ "spec": { "containers": [{ "name": "x", "image": format!("deis.local/deis/{image}:0") }] } });
    let workload = |replicas: u8, ready: u8, image: &str| {
        json!({ "metadata": {}, "spec": { "replicas": replicas, "selector": {}, "template": template(image) },
                "status": { "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": replicas, "replicas": replicas } })
    };
    let condition = |status: &str| json!([{ "type": "Ready", "status": status }]);
    let pod = |name: &str, ready: &str| {
        let labels = json!({ "app": "deis-router", "heritage": "deis" });
        json!({ "metadata": { "name": name, "namespace": "deis", "labels": labels }, "spec": { "nodeName": "one", "containers": [] },
                "status": { "phase": "Running", "conditions": condition(ready) } })
    };
    let path = asked.strip_prefix("GET ")?;
    Some(match path {
        "/apis/apps/v1/namespaces/deis/deployments/deis-router" => workload(2, 1, "router"),
        "/apis/apps/v1/namespaces/deis/statefulsets/deis-database" => workload(1, 1, "database"),
        "/api/v1/nodes" => list(&[json!({
            "metadata": { "name": "one", "labels": { "node-role.kubernetes.io/control-plane": "" } },
            "spec": { "unschedulable": true },
            "status": { "conditions": condition("True"), "addresses": [{ "type": "InternalIP", "address": "10.0.0.1" }] },
        })]),
        "/api/v1/pods" => list(&[pod("deis-router-a", "True"), pod("deis-router-b", "False")]),
        path if path == PODS => list(&[pod("deis-router-a", "True"), pod("deis-router-b", "False")]),
        _ => return None,
    })
}

#[tokio::test]
async fn what_is_looked_at_is_shown() {
    let cluster = Cluster::new(answer).await;
    for command in ["list", "machines", "status router", "doctor"] {
        let name = command.replace(' ', "_");
        insta::assert_snapshot!(name.clone(), cluster.said(command).await);
        insta::assert_snapshot!(format!("{name}_narrow"), cluster.seen_narrow(command).await);
    }
}

/// What served before does so, and nothing of it is as it should be.
#[tokio::test]
async fn a_part_whose_change_is_stuck_is_not_called_up() {
    let stuck = json!([{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                         "message": "ReplicaSet \"deis-state-b\" has timed out progressing." }]);
    let cluster = Cluster::new(move |asked| {
        let mut state = answer("GET /apis/apps/v1/namespaces/deis/statefulsets/deis-database").unwrap();
        state["status"]["replicas"] = json!(2);
        state["status"]["conditions"] = stuck.clone();
        (asked == "GET /apis/apps/v1/namespaces/deis/deployments/deis-state").then_some(state)
    });
    let cluster = cluster.await;
    insta::assert_snapshot!("status_stuck", cluster.said("status state").await);
    insta::assert_snapshot!("status_stuck_narrow", cluster.seen_narrow("status state").await);
}

/// Whoever reads it has no terminal, and so no width.
#[tokio::test]
async fn a_document_says_the_same_to_a_program() {
    let cluster = Cluster::new(answer).await;
    for command in ["list", "machines", "status router", "doctor"] {
        let json = cluster.said(&format!("{command} --output=json")).await;
        let document: Value =
            serde_json::from_str(json.split_once('\n').unwrap().1.split_once("--- stderr").unwrap().0).unwrap();
        assert!(!document.as_array().unwrap().is_empty(), "{command}: {json}");
    }
}
