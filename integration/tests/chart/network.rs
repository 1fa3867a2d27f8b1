use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::rendered::{DEFAULT, list, of_kind, one, services, text, texts, title};

/// Who may come in at each port of a pod, by all policies together that choose it: they add up. One that none chooses lets
/// everybody in.
fn doors(pod: &Value) -> Option<BTreeMap<u64, Vec<String>>> {
    let labels = pod["metadata"]["labels"].as_object().unwrap();
    let mut doors: Option<BTreeMap<_, Vec<_>>> = None;
    for policy in of_kind("NetworkPolicy") {
        assert_eq!(policy["metadata"]["namespace"], "deis", "{}", title(policy));
        let spec = &policy["spec"];
        let chosen = spec["podSelector"]["matchLabels"].as_object().unwrap();
        assert_eq!(spec["podSelector"].as_object().unwrap().len(), 1, "{}", title(policy));
        if !chosen.iter().all(|(name, value)| labels.get(name) == Some(value)) {
            continue;
        }
        assert!(texts(&spec["policyTypes"]).contains(&"Ingress"), "{}", title(policy));
        let doors = doors.get_or_insert_default();
        for rule in list(&spec["ingress"]) {
            // A rule without ports is for all of them.
            assert!(!list(&rule["ports"]).is_empty(), "{}", title(policy));
            for port in list(&rule["ports"]) {
                let number = port["port"].as_u64().unwrap();
                assert_eq!(*port, json!({ "port": number }), "{}", title(policy));
                doors.entry(number).or_default().extend(guests(rule));
            }
        }
    }
    doors
}

/// The peers that a rule names: a component, or in other words.
fn guests(rule: &Value) -> Vec<String> {
    // A list that is there and empty would be everybody as well.
    let from = list(&rule["from"]);
    if from.is_empty() {
        return vec!["everybody".to_owned()];
    }
    let build_pods = json!({
        "namespaceSelector": { "matchLabels": { "heritage": "deis" } },
        "podSelector": { "matchLabels": { "heritage": "deis", "type": "build" } },
    });
    let name = |peer: &Value| {
        let component = peer["podSelector"]["matchLabels"]["app"].as_str().unwrap_or_default();
        // Such a peer is in the platform's own namespace.
        let is_component = *peer == json!({ "podSelector": { "matchLabels": { "app": component } } });
        if is_component {
            component.to_owned()
        } else if *peer == build_pods {
            "build pods".to_owned()
        } else {
            peer.to_string()
        }
    };
    from.iter().map(name).collect()
}

#[test]
fn every_component_is_closed_to_strangers() {
    let expected = [
        ("deis-builder", "2222: deis-router; 9090: everybody; 50051: deis-workflow; 50052: build pods"),
        ("deis-database", "5432: deis-workflow"),
        ("deis-etcd", "2379: deis-state; 9090: everybody"),
        ("deis-logger", "9090: everybody; 50051: deis-workflow, deis-logger-agent"),
        // It has figures alone.
        ("deis-logger-agent", "open"),
        ("deis-logger-redis", "6379: deis-logger"),
        ("deis-registry", "5000: deis-builder, deis-registry-proxy"),
        // The nodes come in, which are no pods.
        ("deis-registry-proxy", "open"),
        // The public comes in.
        ("deis-router", "open"),
        ("deis-state", "9090: everybody; 50051: deis-workflow, deis-builder"),
        ("deis-workflow", "8000: deis-router; 9090: everybody; 50051: deis-builder"),
    ];
    let found = services(&DEFAULT).into_iter().map(|(title, pod)| {
        let door = |(port, guests): (u64, Vec<String>)| format!("{port}: {}", guests.join(", "));
        let doors = doors(pod).map(|doors| doors.into_iter().map(door).collect::<Vec<_>>().join("; "));
        (title.split(' ').nth(1).unwrap().to_owned(), doors.unwrap_or_else(|| "open".to_owned()))
    });
    let expected = expected.map(|(component, doors)| (component.to_owned(), doors.to_owned()));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected.into());
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
