use serde_json::json;

use super::push::{deploy, image};
use super::sandbox::{Sandbox, stable};

#[tokio::test]
async fn variables_are_merged_and_released() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let path = "/v2/apps/shop/config/";
    let first = sandbox.post(path, &token, json!({ "values": { "MODE": "test", "PORT": 8080 } })).await;
    assert_eq!(first.status.as_u16(), 201);
    insta::assert_json_snapshot!(stable(first.body));
    sandbox.post(path, &token, json!({ "values": { "MODE": "live", "PORT": null, "NEW": "" } })).await;
    let shown = sandbox.get(path, &token).await;
    assert_eq!(shown.body["values"], json!({ "MODE": "live", "NEW": "" }));
    let releases = sandbox.get("/v2/apps/shop/releases/", &token).await;
    let summaries = releases.body["results"].as_array().unwrap().iter().map(|release| &release["summary"]);
    insta::assert_yaml_snapshot!(summaries.collect::<Vec<_>>());
}

#[tokio::test]
async fn refusals_make_no_release() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let path = "/v2/apps/shop/config/";
    sandbox.post(path, &token, json!({ "values": { "A": "1" } })).await;
    let mut lines = Vec::new();
    for body in [
        json!({ "values": { "A": "1" } }),
        json!({}),
        json!({ "values": { "GONE": null } }),
        json!({ "values": { "1A": "x" } }),
        json!({ "values": { "PORT": "http" } }),
        json!({ "values": { "PORT": "70000" } }),
        json!({ "values": { "A": ["x"] } }),
        json!({ "memory": { "web": "much" } }),
        json!({ "memory": { "Web": "1G" } }),
        json!({ "memory": { "web": null } }),
        json!({ "cpu": { "web": "fast" } }),
        json!({ "tags": { "disk": "hdd" } }),
        json!({ "registry": { "username": "bob" } }),
        json!({ "registry": { "user-name": "bob" } }),
        json!({ "healthcheck": { "web": { "livenessProbe": {} } } }),
        json!({ "healthcheck": { "web": { "startupProbe": {} } } }),
        json!({ "termination_grace_period": { "web": "1m" } }),
        json!({ "termination_grace_period": { "Web": "1" } }),
        json!({ "termination_grace_period": { "web": null } }),
        json!({ "lifecycle_pre_stop": { "web": "" } }),
        json!({ "lifecycle_post_start": { "We b": "x" } }),
    ] {
        lines.push(sandbox.post(path, &token, body).await.line());
    }
    insta::assert_yaml_snapshot!(lines);
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 2);
}

#[tokio::test]
async fn a_change_is_deployed_before_it_is_answered() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let answer =
        sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "POWERED_BY": "Kubernetes" } })).await;
    assert_eq!(answer.status.as_u16(), 201);
    assert_eq!(sandbox.cluster.controllers(), ["v3 web 1"]);
    let environment = sandbox.cluster.environment("shop", 3);
    assert_eq!(environment["POWERED_BY"], "Kubernetes");
    assert_eq!(environment["WORKFLOW_RELEASE"], "v3");
}

/// A secret is in the answer to its owner and in the pods' environment, and nowhere else.
#[tokio::test]
async fn values_are_not_in_debug_texts() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "KEY": "hunter2-canary" } })).await;
    let ground = sandbox.workflow.ledger.ground(&"shop".parse().unwrap()).await.unwrap();
    assert!(!format!("{ground:?}").contains("hunter2-canary"));
}

#[tokio::test]
async fn pods_are_shaped_by_the_config() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let path = "/v2/apps/shop/config/";
    let probe = json!({ "web/cmd": { "livenessProbe": { "tcpSocket": { "port": 5000 }, "timeoutSeconds": 3 } } });
    for body in [
        json!({ "values": { "PORT": 5000 }, "memory": { "web": "256M/512M" }, "cpu": { "web": 0.5 } }),
        json!({ "tags": { "disk": "ssd" }, "registry": { "USERNAME": "bob", "password": "hunter2-canary" } }),
        json!({ "healthcheck": probe }),
        json!({ "memory": "{\"web\": \"1G\", \"worker\": \"64M\"}" }),
        json!({ "cpu": { "web": null }, "tags": { "disk": null } }),
        json!({ "lifecycle_post_start": { "web": "touch ready" }, "lifecycle_pre_stop": { "web": "sleep 5", "worker": "x" } }),
        json!({ "termination_grace_period": { "web": 60, "worker": "0300" } }),
        json!({ "lifecycle_pre_stop": { "worker": null }, "termination_grace_period": "{\"web\": null}" }),
    ] {
        let answer = sandbox.post(path, &token, body).await;
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    }
    let shown = sandbox.get(path, &token).await;
    insta::assert_json_snapshot!(stable(shown.body));
    let releases = sandbox.get("/v2/apps/shop/releases/", &token).await;
    let summaries = releases.body["results"].as_array().unwrap().iter().map(|release| &release["summary"]);
    insta::assert_yaml_snapshot!(summaries.collect::<Vec<_>>());
    let ground = sandbox.workflow.ledger.ground(&"shop".parse().unwrap()).await.unwrap();
    assert!(!format!("{ground:?}").contains("hunter2-canary"));
    // What the deploy gets of it.
    let desired = sandbox.workflow.ledger.desired(&"shop".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(desired.shape, ground.config.settings.shape);
}

#[tokio::test]
async fn variables_of_old_health_checks_become_probes() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let path = "/v2/apps/shop/config/";
    let answer = sandbox.post(path, &token, json!({ "values": { "HEALTHCHECK_TIMEOUT": 5, "A": "1" } })).await;
    assert_eq!((answer.status.as_u16(), &answer.body["healthcheck"]), (201, &json!({})), "there is no address yet");
    let answer = sandbox.post(path, &token, json!({ "values": { "HEALTHCHECK_URL": "/health" } })).await;
    assert_eq!(answer.body["values"], json!({ "A": "1" }));
    let probes = answer.body["healthcheck"]["web/cmd"].clone();
    assert_eq!(probes["livenessProbe"]["httpGet"], json!({ "path": "/health" }));
    assert_eq!(
        (&probes["livenessProbe"]["timeoutSeconds"], &probes["readinessProbe"]),
        (&json!(5), &probes["livenessProbe"])
    );

    // The same again, and what is said in the new way along with it.
    let again = json!({ "values": { "HEALTHCHECK_URL": "/health", "HEALTHCHECK_TIMEOUT": "5" } });
    let again = sandbox.post(path, &token, again).await;
    assert_eq!(again.line(), "409 nothing-changed {\"detail\":\"bob changed nothing - release stopped\"}");
    let tcp = json!({ "livenessProbe": { "tcpSocket": { "port": 5000 } } });
    let both = json!({ "values": { "HEALTHCHECK_URL": "/old" }, "healthcheck": { "web/cmd": &tcp } });
    let answer = sandbox.post(path, &token, both).await;
    assert_eq!(answer.body["healthcheck"]["web/cmd"]["livenessProbe"], tcp["livenessProbe"]);
    assert_eq!(answer.body["values"], json!({ "A": "1" }), "or else the next change would bring the old one back");

    let releases = sandbox.get("/v2/apps/shop/releases/", &token).await.body;
    let summaries = releases["results"].as_array().unwrap().iter().map(|release| &release["summary"]);
    insta::assert_yaml_snapshot!(summaries.collect::<Vec<_>>());
}

#[tokio::test]
async fn tags_are_labels_that_some_node_has() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let set = async |key: &str, value: &str| {
        sandbox.post("/v2/apps/shop/config/", &token, json!({ "tags": { key: value } })).await.line()
    };
    let label = "a".repeat(62);
    // Four labels of 62 characters, three dots, and so much more.
    let prefix = |more: usize| format!("{label}.{label}.{label}.{label}{}", ".".to_owned() + &"a".repeat(more - 1));
    let refusal = json!({ "tags": ["Tag key prefixes must 253 characters or less."] });
    assert_eq!(set(&format!("{}/x", prefix(3)), "y").await, format!("400 invalid-argument {refusal}"));
    let fits = set(&format!("{}/x", prefix(2)), "y").await;
    assert!(fits.starts_with("400 failed-precondition {\"detail\":\"No nodes matched"), "{fits}");

    assert!(set("disk", "ssd").await.starts_with("201 "));
    let words = "No nodes matched the provided labels: disk=ssd, zone=mars - Addition of zone=mars is the cause";
    assert_eq!(set("zone", "mars").await, format!("400 failed-precondition {}", json!({ "detail": words })));
}
