use serde_json::json;

use crate::rendered::{CHART, helm, list, objects, services, template, try_template};

#[test]
fn helm_finds_no_fault() {
    let output = helm(&["lint", "--strict", CHART]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("[WARNING]"), "{text}");
}

/// What is refused, and what the sentence must name.
#[test]
fn wrong_values_are_refused_with_their_place() {
    let refused = [
        ("domain=", "Which domain is the platform's?"),
        ("domain=Example.com", "'/domain'"),
        ("domain=a..b", "'/domain'"),
        ("domain=deis.example.com.", "'/domain'"),
        ("registrationMode=everybody", "'/registrationMode'"),
        ("imagePullPolicy=Sometimes", "'/imagePullPolicy'"),
        ("telemetry.otlpEndpoint=collector:4317", "'/telemetry/otlpEndpoint'"),
        ("images.router=deis/router:latest", "'/images/router'"),
        ("images.router=deis/router", "'/images/router'"),
        ("images.controller=deis/controller:1", "'/images'"),
        ("router.replicas=0", "'/router/replicas'"),
        ("router.replica=3", "'/router'"),
        ("router.platformCertificate=Wildcard", "'/router/platformCertificate'"),
        ("router.service.type=ExternalName", "'/router/service/type'"),
        ("builder.storage.size=big", "'/builder/storage/size'"),
        ("builder.storage.accessMode=ReadOnlyMany", "'/builder/storage/accessMode'"),
        ("builder.replicas=0", "'/builder/replicas'"),
        ("database.resources.limits.memory=-1Mi", "'/database/resources/limits/memory'"),
        ("loggerRedis.maxMemory=256Mi", "'/loggerRedis/maxMemory'"),
        ("databse.maxConnections=5", "'databse'"),
        ("workflow.deployHooks.urls={chat.example.com}", "'/workflow/deployHooks/urls/0'"),
        ("workflow.deployHooks.keySecret=A b", "'/workflow/deployHooks/keySecret'"),
        ("workflow.outsideBuilder.keySecret=A b", "'/workflow/outsideBuilder/keySecret'"),
        ("workflow.outsideBuilder.key=hunter2", "'/workflow/outsideBuilder'"),
        ("workflow.rejectIfProcfileMissing=maybe", "'/workflow/rejectIfProcfileMissing'"),
    ];
    for (set, names) in refused {
        let output = try_template(&["--set", set]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(names), "{set}: {error}");
    }
}

#[test]
fn every_value_says_what_it_is_for() {
    let values = std::fs::read_to_string(format!("{CHART}/values.yaml")).unwrap();
    let lines: Vec<_> = values.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let is_key = line.contains(':') && !line.trim_start().starts_with('#');
        // What holds further values is described by them; so are the resources, whose form is Kubernetes' own.
        let next = lines[number + 1..].iter().find(|line| !line.trim_start().starts_with('#') && !line.is_empty());
        let is_group = next.is_some_and(|next| next.len() - next.trim_start().len() > indent);
        if !is_key || is_group || matches!(line.trim_start().split(':').next(), Some("requests" | "limits")) {
            continue;
        }
        let above = lines[..number].iter().rev().take_while(|line| line.trim_start().starts_with('#'));
        assert!(above.into_iter().any(|line| line.trim_start().starts_with("# -- ")), "{line}");
    }
}

#[test]
fn values_reach_the_objects() {
    let rendered = template(&[
        "--set=domain=apps.example.com,registrationMode=enabled,router.replicas=3,router.service.type=ClusterIP",
        "--set=workflow.rejectIfProcfileMissing=true,workflow.deployHooks.keySecret=hook-key",
        "--set=workflow.outsideBuilder.keySecret=outside",
        "--set=workflow.deployHooks.urls={https://a.example.com/x,http://b.example.com/y}",
        "--set=router.platformCertificate=wildcard",
        "--set=router.service.annotations.example\\.com/pool=edge,builder.storage.className=fast,database.maxConnections=300",
    ]);
    let objects = objects(&rendered);
    let find = |kind: &str, name: &str| {
        objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name).unwrap()
    };
    assert_eq!(find("Deployment", "deis-router")["spec"]["replicas"], 3);
    let volumes = list(&find("Deployment", "deis-router")["spec"]["template"]["spec"]["volumes"]);
    let certificate = volumes.iter().find(|volume| volume["name"] == "platform-cert").unwrap();
    assert_eq!(certificate["secret"]["secretName"], "wildcard");
    let service = find("Service", "deis-router");
    assert_eq!(service["spec"]["type"], "ClusterIP");
    assert!(service["spec"]["externalTrafficPolicy"].is_null());
    assert_eq!(service["metadata"]["annotations"]["example.com/pool"], "edge");
    let workflow = list(&find("Deployment", "deis-workflow")["spec"]["template"]["spec"]["containers"][0]["env"]);
    assert!(workflow.contains(&json!({ "name": "DEIS_DEPLOY_REJECT_IF_PROCFILE_MISSING", "value": "true" })));
    let urls = "https://a.example.com/x,http://b.example.com/y";
    assert!(workflow.contains(&json!({ "name": "DEIS_DEPLOY_HOOK_URLS", "value": urls })));
    let mounted = &find("Deployment", "deis-workflow")["spec"]["template"]["spec"];
    let volumes = list(&mounted["volumes"]);
    let mounts = list(&mounted["containers"][0]["volumeMounts"]);
    for (name, secret) in [("deploy-hook-key", "hook-key"), ("builder-key", "outside")] {
        let volume = volumes.iter().find(|volume| volume["name"] == name).unwrap();
        assert_eq!(volume["secret"]["secretName"], secret);
        let path = format!("/var/run/secrets/deis/{name}");
        assert!(mounts.contains(&json!({ "name": name, "mountPath": path, "readOnly": true })));
    }
    assert_eq!(find("PersistentVolumeClaim", "repositories-deis-builder-0")["spec"]["storageClassName"], "fast");
    for text in
        ["--domain=apps.example.com", "value: \"apps.example.com\"", "value: \"enabled\"", "max_connections=300"]
    {
        assert!(rendered.contains(text), "{text}");
    }
}

#[test]
fn every_service_of_ours_sends_its_traces_where_it_is_told() {
    let endpoint = "http://collector.example:4317";
    let objects = objects(&template(&["--set", &format!("telemetry.otlpEndpoint={endpoint}")]));
    let variable = json!({ "name": "DEIS_OTLP_ENDPOINT", "value": endpoint });
    let mut senders = services(&objects);
    senders.retain(|(_, pod)| list(&pod["spec"]["containers"][0]["env"]).contains(&variable));
    let mut senders: Vec<_> = senders.iter().filter_map(|(title, _)| title.split_whitespace().last()).collect();
    senders.sort_unstable();
    let services = ["builder", "logger", "logger-agent", "registry-proxy", "router", "state", "workflow"];
    assert_eq!(senders, services.map(|service| format!("deis-{service}")));
}
