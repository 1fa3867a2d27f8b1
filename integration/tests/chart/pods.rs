use serde_json::{Value, json};

use crate::rendered::{DEFAULT, list, objects, of_kind, pod_templates, services, template, text, texts, title};

/// What a pod does that the Pod Security level `restricted` (Kubernetes 1.35) forbids.
fn violations(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let mut found = Vec::new();
    let mut demand = |holds: bool, what: String| {
        if !holds {
            found.push(what);
        }
    };
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        demand(spec[field].is_null(), field.to_owned());
    }
    let allowed = ["name", "configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"];
    for volume in list(&spec["volumes"]) {
        let source = volume.as_object().unwrap().keys().find(|key| !allowed.contains(&key.as_str()));
        demand(source.is_none(), format!("volume {source:?}"));
    }
    let pod_security = &spec["securityContext"];
    for container in list(&spec["containers"]).iter().chain(list(&spec["initContainers"])) {
        let security = &container["securityContext"];
        // What the container does not say, the pod says for it.
        let either = |field: &str| if security[field].is_null() { &pod_security[field] } else { &security[field] };
        demand(either("runAsNonRoot") == true, "runAsNonRoot".to_owned());
        demand(either("runAsUser").as_u64().is_some_and(|user| user > 0), "runAsUser".to_owned());
        demand(either("seccompProfile")["type"] == "RuntimeDefault", "seccompProfile".to_owned());
        demand(security["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation".to_owned());
        demand(security["privileged"].is_null(), "privileged".to_owned());
        demand(texts(&security["capabilities"]["drop"]) == ["ALL"], "capabilities.drop".to_owned());
        demand(security["capabilities"]["add"].is_null(), "capabilities.add".to_owned());
        for port in list(&container["ports"]) {
            demand(port["hostPort"].is_null(), format!("hostPort {}", port["hostPort"]));
        }
    }
    found
}

#[test]
fn every_pod_is_restricted_but_the_nodes_registry_door_and_the_reader_of_its_logs() {
    for (title, pod) in pod_templates(&DEFAULT) {
        let expected: &[&str] = match title.as_str() {
            "DaemonSet deis-registry-proxy" => &["hostPort 5555"],
            "DaemonSet deis-logger-agent" => {
                &[r#"volume Some("hostPath")"#, r#"volume Some("hostPath")"#, "runAsNonRoot", "runAsUser"]
            }
            _ => &[],
        };
        assert_eq!(violations(pod), expected, "{title}");
    }
}

/// It is root, so that a log file of root is its own; it has no other of root's powers, and can write its positions alone.
#[test]
fn the_reader_of_a_nodes_logs_changes_nothing_but_its_positions() {
    let pod = &crate::rendered::one("DaemonSet", "deis-logger-agent")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(texts(&security["capabilities"]["drop"]), ["ALL"]);
    assert!(security["capabilities"]["add"].is_null());
    assert_eq!(security["allowPrivilegeEscalation"], false);
    let of_the_node: Vec<_> = list(&pod["volumes"])
        .iter()
        .filter(|volume| volume["hostPath"].is_object())
        .map(|volume| {
            let mount = list(&container["volumeMounts"]).iter().find(|mount| mount["name"] == volume["name"]).unwrap();
            (text(&volume["hostPath"]["path"]), text(&mount["mountPath"]), mount["readOnly"] == true)
        })
        .collect();
    let positions = "/var/lib/deis-logger";
    assert_eq!(of_the_node, [("/var/log/pods", "/var/log/pods", true), (positions, positions, false)]);
}

/// A store that is full refuses lines: what logger keeps has to fit in, and the memory limit leaves room for a rewrite.
#[test]
fn what_logger_keeps_fits_into_redis() {
    let container = |kind, name| &crate::rendered::one(kind, name)["spec"]["template"]["spec"]["containers"][0];
    let setting = |container: &Value, name: &str| {
        let variable = list(&container["env"]).iter().find(|variable| variable["name"] == name).unwrap();
        text(&variable["value"]).to_owned()
    };
    let kept: u64 = setting(container("Deployment", "deis-logger"), "DEIS_LOG_TOTAL_BYTES").parse().unwrap();
    let redis = container("StatefulSet", "deis-logger-redis");
    let room: u64 = setting(redis, "REDIS_MAX_MEMORY").strip_suffix("mb").unwrap().parse().unwrap();
    assert!(room * 1024 * 1024 * 3 >= kept * 4, "{room} MB for {kept} bytes");
    let limit: u64 = text(&redis["resources"]["limits"]["memory"]).strip_suffix("Mi").unwrap().parse().unwrap();
    assert!(limit > 2 * room, "{limit} Mi for {room} MB and their rewrite");
}

#[test]
fn what_runs_on_every_node_runs_on_tainted_ones_too() {
    let sets: Vec<_> = of_kind("DaemonSet").collect();
    assert_eq!(sets.len(), 2);
    for set in sets {
        let tolerations = list(&set["spec"]["template"]["spec"]["tolerations"]);
        assert!(tolerations.contains(&serde_json::json!({ "operator": "Exists" })), "{}", title(set));
    }
}

#[test]
fn the_nodes_registry_door_is_on_its_loopback() {
    let (_, pod) = pod_templates(&DEFAULT).into_iter().find(|(title, _)| title.ends_with("registry-proxy")).unwrap();
    let ports = list(&pod["spec"]["containers"][0]["ports"]);
    let port = ports.iter().find(|port| port["hostPort"] == 5555).unwrap();
    assert_eq!(port["hostIP"], "127.0.0.1");
}

#[test]
fn no_pod_can_write_but_to_its_volumes() {
    for (title, pod) in pod_templates(&DEFAULT) {
        for container in list(&pod["spec"]["containers"]) {
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{title}");
        }
    }
}

#[test]
fn every_service_is_started_watched_and_stopped_with_care() {
    for (title, pod) in services(&DEFAULT) {
        for container in list(&pod["spec"]["containers"]) {
            assert_eq!(container["startupProbe"]["periodSeconds"], 1, "{title}");
            assert_eq!(container["readinessProbe"]["periodSeconds"], 5, "{title}");
            assert!(container["livenessProbe"].is_object(), "{title}");
        }
        assert!(pod["spec"]["terminationGracePeriodSeconds"].is_u64(), "{title}");
    }
}

/// Kubernetes puts `DEIS_BUILDER_PORT=tcp://…` into pods beside a Service `deis-builder`: the names of our own settings.
#[test]
fn no_pod_gets_settings_from_the_names_of_services() {
    for (title, pod) in pod_templates(&DEFAULT) {
        assert_eq!(pod["spec"]["enableServiceLinks"], false, "{title}");
    }
}

#[test]
fn every_container_says_what_it_needs_and_what_it_may_use() {
    for (title, pod) in pod_templates(&DEFAULT) {
        for container in list(&pod["spec"]["containers"]) {
            let resources = &container["resources"];
            assert!(resources["requests"]["cpu"].is_string(), "{title}");
            assert!(resources["requests"]["memory"].is_string(), "{title}");
            assert!(resources["limits"]["memory"].is_string(), "{title}");
        }
    }
}

#[test]
fn images_are_of_this_version_or_as_the_values_say() {
    let images = |objects: &[Value]| -> Vec<String> {
        let mut images: Vec<_> = pod_templates(objects)
            .iter()
            .flat_map(|(_, pod)| list(&pod["spec"]["containers"]))
            .map(|container| text(&container["image"]).to_owned())
            .collect();
        images.sort();
        images.dedup();
        images
    };
    let names = [
        "builder",
        "deisctl",
        "etcd",
        "logger",
        "postgresql",
        "redis",
        "registry-proxy",
        "registry",
        "router",
        "state",
        "workflow",
    ];
    assert_eq!(images(&DEFAULT), names.map(|name| format!("deis.local/deis/{name}:0.1.0")));

    let pinned = format!("registry.example.com/deis/router@sha256:{}", "0".repeat(64));
    let rendered = objects(&template(&["--set", &format!("images.router={pinned}")]));
    assert!(images(&rendered).contains(&pinned));
}

#[test]
fn every_stateful_set_keeps_its_data_on_a_volume() {
    let sets: Vec<_> = of_kind("StatefulSet").collect();
    assert_eq!(sets.len(), 4);
    for set in sets {
        let claims: Vec<_> =
            list(&set["spec"]["volumeClaimTemplates"]).iter().map(|claim| text(&claim["metadata"]["name"])).collect();
        let mounts = list(&set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]);
        assert_eq!(claims.len(), 1, "{}", title(set));
        assert!(mounts.iter().any(|mount| mount["name"] == claims[0]), "{}", title(set));
    }
}

#[test]
fn routers_and_controllers_are_two_and_leave_one_at_a_time() {
    for part in ["deis-router", "deis-workflow"] {
        let deployment = crate::rendered::one("Deployment", part);
        assert_eq!(deployment["spec"]["replicas"], 2, "{part}");
        assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0, "{part}");
        let budget = crate::rendered::one("PodDisruptionBudget", part);
        assert_eq!(budget["spec"]["maxUnavailable"], 1, "{part}");
        assert_eq!(budget["spec"]["selector"], deployment["spec"]["selector"], "{part}");
    }
}

/// One volume for all, under the name that the StatefulSet of earlier charts gave to it.
#[test]
fn builders_are_two_over_one_volume_that_stays() {
    let builder = crate::rendered::one("Deployment", "deis-builder");
    assert_eq!(builder["spec"]["replicas"], 2);
    assert_eq!(builder["spec"]["strategy"]["rollingUpdate"], json!({ "maxSurge": 1, "maxUnavailable": 0 }));
    let pod = &builder["spec"]["template"]["spec"];
    let claim = list(&pod["volumes"]).iter().find(|volume| volume["name"] == "repositories").unwrap();
    assert_eq!(claim["persistentVolumeClaim"]["claimName"], "repositories-deis-builder-0");
    let claim = crate::rendered::one("PersistentVolumeClaim", "repositories-deis-builder-0");
    assert_eq!(claim["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    // How `deisctl doctor` finds it.
    assert_eq!(claim["metadata"]["labels"]["app"], "deis-builder");
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    let together = &pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
    assert_eq!(together["topologyKey"], "kubernetes.io/hostname");
    assert_eq!(together["labelSelector"], builder["spec"]["selector"]);
}

#[test]
fn builders_spread_when_their_volume_may() {
    let objects = objects(&template(&["--set=builder.storage.accessMode=ReadWriteMany"]));
    let find = |kind: &str| {
        let named = |object: &&Value| {
            object["kind"] == kind && object["metadata"]["name"].as_str().unwrap().contains("deis-builder")
        };
        objects.iter().find(named).unwrap()
    };
    assert_eq!(find("PersistentVolumeClaim")["spec"]["accessModes"], json!(["ReadWriteMany"]));
    let pod = &find("Deployment")["spec"]["template"]["spec"];
    assert!(pod["affinity"].is_null() && pod["topologySpreadConstraints"].is_array());
    assert_eq!(find("PodDisruptionBudget")["spec"]["selector"], find("Deployment")["spec"]["selector"]);
    // With a volume of one node a budget would hold up every drain of it.
    assert!(of_kind("PodDisruptionBudget").all(|budget| budget["metadata"]["name"] != "deis-builder"));
}

#[test]
fn the_process_ends_before_kubernetes_ends_it() {
    for (title, pod) in services(&DEFAULT) {
        let spec = &pod["spec"];
        let container = &spec["containers"][0];
        let Some(limit) = list(&container["env"]).iter().find(|variable| variable["name"] == "DEIS_SHUTDOWN_SECONDS")
        else {
            continue;
        };
        let limit: u64 = text(&limit["value"]).parse().unwrap();
        let before = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap_or(0);
        assert!(before + limit < spec["terminationGracePeriodSeconds"].as_u64().unwrap(), "{title}");
    }
}
