use serde_json::{Value, json};

use crate::rendered::{DEFAULT, list, of_kind, one, text, texts, title};

/// Who may connect to a port of a component, as the names of its peers; `None` when anybody may.
fn guests(component: &str, port: u64) -> Option<Vec<&'static str>> {
    let policy = one("NetworkPolicy", component);
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"]["app"], component);
    assert!(texts(&policy["spec"]["policyTypes"]).contains(&"Ingress"));
    let rules = list(&policy["spec"]["ingress"]);
    let rules: Vec<_> = rules.iter().filter(|rule| list(&rule["ports"]).contains(&json!({ "port": port }))).collect();
    assert_eq!(rules.len(), 1, "{component} {port}");
    let from = rules[0]["from"].as_array()?;
    Some(from.iter().map(|peer| text(&peer["podSelector"]["matchLabels"]["app"])).collect())
}

#[test]
fn data_stores_are_closed_to_strangers() {
    assert_eq!(guests("deis-database", 5432).unwrap(), ["deis-workflow"]);
    assert_eq!(guests("deis-etcd", 2379).unwrap(), ["deis-state"]);
    assert_eq!(guests("deis-logger", 50051).unwrap(), ["deis-workflow", "deis-logger-agent"]);
    assert_eq!(guests("deis-logger-redis", 6379).unwrap(), ["deis-logger"]);
    assert_eq!(guests("deis-registry", 5000).unwrap(), ["deis-builder", "deis-registry-proxy"]);
    assert_eq!(guests("deis-builder", 50051).unwrap(), ["deis-workflow"]);
    assert_eq!(guests("deis-state", 50051).unwrap(), ["deis-workflow", "deis-builder"]);
}

#[test]
fn data_stores_call_nobody() {
    for component in ["deis-database", "deis-etcd", "deis-logger-redis", "deis-registry"] {
        let spec = &one("NetworkPolicy", component)["spec"];
        assert_eq!(texts(&spec["policyTypes"]), ["Ingress", "Egress"]);
        assert_eq!(spec["egress"], json!([]));
    }
}

#[test]
fn data_stores_ask_who_is_there() {
    let arguments = |kind, name| texts(&one(kind, name)["spec"]["template"]["spec"]["containers"][0]["args"]);
    let etcd = arguments("StatefulSet", "deis-etcd");
    assert!(etcd.contains(&"--client-cert-auth") && etcd.contains(&"--listen-client-urls=https://0.0.0.0:2379"));
    assert!(etcd.contains(&"--listen-peer-urls=http://127.0.0.1:2380"));
    let environment = |name: &str| &one("StatefulSet", name)["spec"]["template"]["spec"]["containers"][0]["env"];
    let names =
        |name: &str| -> Vec<&str> { list(environment(name)).iter().map(|variable| text(&variable["name"])).collect() };
    assert!(names("deis-registry").contains(&"REGISTRY_AUTH_HTPASSWD_PATH"));
    assert!(names("deis-database").contains(&"POSTGRES_PASSWORD_FILE"));
    assert!(names("deis-logger-redis").contains(&"REDIS_PASSWORD_FILE"));
}

#[test]
fn build_pods_reach_the_builders_one_listener_for_them() {
    let rules = list(&one("NetworkPolicy", "deis-builder")["spec"]["ingress"]);
    let rule = rules.iter().find(|rule| rule["ports"] == json!([{ "port": 50052 }])).unwrap();
    assert_eq!(
        rule["from"],
        json!([{
            "namespaceSelector": { "matchLabels": { "heritage": "deis" } },
            "podSelector": { "matchLabels": { "heritage": "deis", "type": "build" } },
        }])
    );
}

#[test]
fn the_router_is_the_only_door() {
    for service in of_kind("Service") {
        let outside = service["metadata"]["name"] == "deis-router";
        assert_eq!(service["spec"]["type"] == "LoadBalancer", outside, "{}", title(service));
        assert!(outside || service["spec"]["type"].is_null(), "{}", title(service));
    }
    let spec = &one("Service", "deis-router")["spec"];
    assert_eq!(spec["externalTrafficPolicy"], "Local");
    let ports: Vec<_> = list(&spec["ports"]).iter().map(|port| port["port"].as_u64().unwrap()).collect();
    assert_eq!(ports, [80, 443, 2222]);
}

#[test]
fn the_api_is_routed_like_an_app() {
    let metadata = &one("Service", "deis-workflow")["metadata"];
    assert_eq!(metadata["labels"]["router.deis.io/routable"], "true");
    assert_eq!(metadata["annotations"]["router.deis.io/domains"], "deis");
}

#[test]
fn every_service_leads_to_ports_that_its_pods_have() {
    for service in of_kind("Service") {
        let selector = &service["spec"]["selector"];
        let leads_to = |workload: &&Value| workload["spec"]["selector"]["matchLabels"] == *selector;
        let workload = DEFAULT.iter().filter(|object| object["spec"]["template"].is_object()).find(leads_to).unwrap();
        let ports = list(&workload["spec"]["template"]["spec"]["containers"][0]["ports"]);
        let has = |name: &Value| ports.iter().any(|port| port["name"] == *name);
        assert!(list(&service["spec"]["ports"]).iter().all(|port| has(&port["targetPort"])), "{}", title(service));
    }
}
