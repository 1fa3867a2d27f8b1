use serde_json::{Value, json};

use crate::cluster::{Cluster, list, status};

fn pod(name: &str) -> Value {
    let labels = json!({ "app": "deis-router", "heritage": "deis" });
    json!({ "metadata": { "name": name, "namespace": "deis", "labels": labels } })
}

async fn cluster(other: impl Fn() -> Value + 'static) -> Cluster {
    Cluster::new(move |asked| match asked {
        "GET /api/v1/namespaces/deis/pods" => {
            Some(list(&[pod("deis-router-a"), pod("deis-router-b"), pod("deis-router-c")]))
        }
        "GET /api/v1/namespaces/deis/pods/deis-router-b/log" => Some("listening\nserving\n".into()),
        "GET /api/v1/namespaces/deis/pods/deis-router-c/log" => Some(other()),
        _ => None,
    })
    .await
}

/// One has gone since they were listed, and one has not started.
#[tokio::test]
async fn a_pod_without_a_log_keeps_nobody_from_the_others() {
    let cluster = cluster(|| status(400, "container \"router\" in pod \"deis-router-c\" is waiting to start")).await;
    insta::assert_snapshot!(cluster.said("journal router").await);
    insta::assert_snapshot!("journal_narrow", cluster.seen_narrow("journal router").await);
}

#[tokio::test]
async fn a_component_of_which_nobody_has_a_log_has_none() {
    let cluster = Cluster::new(|asked| match asked {
        "GET /api/v1/namespaces/deis/pods" => Some(list(&[pod("deis-router-a"), pod("deis-router-b")])),
        _ => None,
    });
    insta::assert_snapshot!(cluster.await.said("journal router").await);
}
