//! The operator's tools on the running platform: what they change is changed, what they show is so, and nothing stays behind.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::operator::well_platform;
use crate::support::{Developer, Output, Platform, eventually, is_ready, without_figures};

/// No command of these takes longer.
const LIMIT: Duration = Duration::from_secs(300);
/// Label of the pods through which a node is entered.
const NODE_SHELLS: &str = "app=deis-node-shell";

#[tokio::test]
async fn routers_are_scaled_and_scaled_back() {
    let platform = Platform::connect_alone().await;
    let replicas = async || {
        let router = platform.own::<Deployment>().get("deis-router").await.unwrap();
        let ready = router.status.unwrap().ready_replicas;
        (router.spec.unwrap().replicas.unwrap(), ready.unwrap_or(0))
    };
    assert_eq!(replicas().await, (2, 2));
    let scaled = deisctl(&["scale", "router=3"]).await.succeeded();
    assert_eq!(replicas().await, (3, 3));
    let [done, notice, command] = scaled.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{scaled}") };
    assert_eq!(done, "Scaling router from 2 to 3... done");
    assert!(notice.contains("helm upgrade") && command.contains("--set router.replicas=3"), "{scaled}");
    let router = platform.own::<Deployment>().get("deis-router").await.unwrap();
    let managers = router.metadata.managed_fields.unwrap();
    assert!(managers.iter().any(|it| it.manager.as_deref() == Some("deisctl")), "{managers:?}");

    drop(deisctl(&["scale", "router=2"]).await.succeeded().has_lines(&["Scaling router from 3 to 2... done"]));
    assert_eq!(replicas().await, (2, 2));
    // The one that was too many ends what it serves, for which nobody waits.
    eventually("two routers are left", &platform.own::<Pod>(), "app=deis-router", |pods| pods.len() == 2).await;
}

#[tokio::test]
async fn every_kind_of_workload_gets_new_pods() {
    let platform = Platform::connect_alone().await;
    let names = async |part| pods_of(&platform, part).await;
    let uid = async |part: &str| platform.own::<Pod>().get(&format!("{part}-0")).await.unwrap().uid();
    let (state, proxy, redis) =
        (names("deis-state").await, names("deis-registry-proxy").await, uid("deis-logger-redis").await);
    let rolled = deisctl(&["rolling-restart", "state", "registry-proxy"]).await.succeeded();
    drop(rolled.has_lines(&["Restarting state... done", "Restarting registry-proxy... done"]));
    let restarted = deisctl(&["restart", "logger-redis"]).await.succeeded();
    drop(restarted.has_lines(&["Restarting logger-redis... done"]));
    assert_ne!(names("deis-state").await, state);
    assert_ne!(names("deis-registry-proxy").await, proxy);
    assert_ne!(uid("deis-logger-redis").await, redis);
    drop(deisctl(&["status"]).await.succeeded());
}

/// A time that is too short leaves the change to Kubernetes, and says what it is waiting for.
#[tokio::test]
async fn a_restart_that_is_not_waited_for_goes_on() {
    let platform = Platform::connect_alone().await;
    let before = platform.own::<Pod>().get("deis-registry-0").await.unwrap().uid();
    let late = deisctl(&["restart", "registry", "--timeout=1"]).await.failed(124);
    assert!(late.stderr.contains("the change of registry goes on in the cluster; last seen: "), "{late}");
    eventually("the registry has a new pod", &platform.own::<Pod>(), "app=deis-registry", |pods| {
        pods.len() == 1 && pods.iter().all(|pod| pod.uid() != before && is_ready(pod))
    })
    .await;
    eventually("its controller knows", &platform.own::<StatefulSet>(), "app=deis-registry", |sets| {
        sets.iter()
            .all(|set| set.status.as_ref().is_some_and(|status| status.current_revision == status.update_revision))
    })
    .await;
}

#[tokio::test]
async fn machines_are_listed_with_what_they_run() {
    let platform = Platform::connect().await;
    let machines: Value =
        serde_json::from_str(&deisctl(&["machines", "--output=json"]).await.succeeded().stdout).unwrap();
    let [machine] = machines.as_array().unwrap().as_slice() else { panic!("one node: {machines}") };
    assert_eq!(machine["ready"], true);
    assert!(machine["version"].as_str().unwrap().starts_with("v1."), "{machine}");
    assert!(machine["pods"]["platform"].as_u64().unwrap() >= 12, "{machine}");
    drop(platform);
}

#[tokio::test]
async fn a_program_runs_in_a_pod_and_its_end_is_ours() {
    let _platform = Platform::connect().await;
    let seen = deisctl(&["dock", "router", "--", "cat", "/etc/hostname"]).await.succeeded();
    assert!(seen.stdout.starts_with("deis-router-"), "{seen}");
    assert_eq!(seen.stderr, "");
    let ended = deisctl(&["dock", "router", "sh", "-c", "echo out; echo err >&2; exit 7"]).await.failed(7);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("out\n", "err\n"));
    let absent = deisctl(&["dock", "router", "zebra"]).await.failed(1);
    assert!(absent.stderr.contains("Hint: The image may have no such program."), "{absent}");

    let mut child = start(deisctl_path(), ["dock", "database", "wc", "-c"]);
    // More than any buffer on the way.
    child.stdin.take().unwrap().write_all(&vec![b'x'; 300_000]).await.unwrap();
    let counted = child.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8(counted.stdout).unwrap().trim(), "300000");
}

#[tokio::test]
async fn a_person_at_a_terminal_gets_one() {
    let _platform = Platform::connect().await;
    let mut child = on_terminal("dock router");
    let mut shown = read_until(&mut child, "$ ").await;
    child.stdin.as_mut().unwrap().write_all(b"stty size; exit 5\r").await.unwrap();
    shown += &read_until(&mut child, "24 100").await;
    assert_eq!(child.wait().await.unwrap().code(), Some(5), "{shown}");
}

#[tokio::test]
async fn a_mark_moves_while_a_person_waits_and_a_pod_is_named() {
    let _platform = Platform::connect_alone().await;
    let mut child = on_terminal("rolling-restart state");
    let shown = read_until(&mut child, "Restarting state... done").await;
    assert!(shown.contains(".o.") && shown.contains("ends what it serves"), "{shown}");
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_node_is_entered_and_nothing_stays_there() {
    let platform = Platform::connect().await;
    let node = platform.own::<Pod>().get("deis-etcd-0").await.unwrap().spec.unwrap().node_name.unwrap();
    for target in [node.as_str(), "etcd"] {
        let seen = deisctl(&["ssh", target, "--", "sh", "-c", "id -u; test -d /etc && exit 3"]).await.failed(3);
        assert_eq!(seen.stdout, "0\n");
        let executing = "Executing 'sh -c id -u; test -d /etc && exit 3' on ";
        assert!(seen.stderr.starts_with(executing), "{seen}");
    }
    let nobody = deisctl(&["ssh", "zebra"]).await.failed(1);
    assert!(nobody.stderr.contains("zebra is neither a node nor a component"), "{nobody}");

    let child = start(deisctl_path(), ["ssh", &node, "--", "sleep", "600"]);
    let pods = platform.own::<Pod>();
    eventually("the pod runs", &pods, NODE_SHELLS, |pods| pods.iter().any(is_ready)).await;
    // Not Ctrl-C, which whatever a script has started in the background ignores, and so what that starts.
    signal(&child, "TERM").await;
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(143), "{}", String::from_utf8_lossy(&ended.stderr));
    eventually("no pod stays", &pods, NODE_SHELLS, <[Pod]>::is_empty).await;
}

#[tokio::test]
async fn a_followed_journal_goes_on_with_the_next_pod() {
    let platform = Platform::connect_alone().await;
    let before = pods_of(&platform, "deis-state").await;
    let mut child = start(deisctl_path(), ["journal", "state", "--follow", "--lines=5"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = deis_bootstrap::deadline(LIMIT, lines.next_line()).await.expect("a line in time");
        line.unwrap().expect("it goes on")
    };
    let line = next().await;
    assert!(is_of(&line, &before), "the pod that was there: {line}");
    drop(deisctl(&["restart", "state"]).await.succeeded());
    while is_of(&next().await, &before) {}
    signal(&child, "INT").await;
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(130));
    // The kubelet may have said, in place of a line, that the log of the pod that went is gone; nothing else is told.
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(told.lines().all(|line| is_of(line, &before)), "{told}");
}

/// Each line names its pod.
fn is_of(line: &str, pods: &[String]) -> bool {
    let (name, _) = line.split_once(": ").expect("a pod's name before the line");
    pods.iter().any(|pod| pod == name)
}

/// What stands in a Secret and is none: names, certificates, and what an app is told about itself.
const PUBLIC: [&str; 8] = [
    "username",
    "tls.crt",
    "ca.crt",
    "DEIS_APP",
    "WORKFLOW_RELEASE",
    "WORKFLOW_RELEASE_SUMMARY",
    "WORKFLOW_RELEASE_CREATED_AT",
    "SOURCE_VERSION",
];

/// Every value of every Secret of the platform and of an app, in a place that is archived.
#[tokio::test]
async fn no_secret_gets_into_a_diagnosis() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "canary").await;
    let (repository, app) = developer.pushed_app("go").await;
    let canary = "a canary \"in\" a mine";
    drop(repository.deis(&["config:set", &format!("CANARY={canary}")]).await.succeeded());
    let all = Api::<Secret>::all(platform.client.clone());
    let mut secrets = platform.own::<Secret>().list(&ListParams::default()).await.unwrap().items;
    secrets.extend(all.list(&ListParams::default().labels(&format!("heritage=deis,app={}", app.name))).await.unwrap());
    let entries = secrets.iter().flat_map(|secret| secret.data.clone().unwrap_or_default());
    let values = entries.filter(|(key, _)| !PUBLIC.contains(&key.as_str())).map(|(_, value)| value.0);
    // Shorter ones are words like any other, as the archive says.
    let values = values.filter(|value| value.len() >= 6).collect::<Vec<_>>();
    let texts = values.iter().filter_map(|value| String::from_utf8(value.clone()).ok());
    let texts = texts.filter(|text| text.trim().len() >= 6).collect::<Vec<_>>();
    assert!(texts.iter().any(|text| text == canary), "the canary is not among {} values", texts.len());
    assert!(texts.len() > 20, "{} values", texts.len());

    // Releases of helm are as large as an object may be; they are Secrets that nobody copies.
    let small = texts.iter().filter(|text| text.len() < 8192).enumerate();
    let data = small.map(|(index, text)| (format!("value-{index}"), text.clone())).collect();
    let mut leak = ConfigMap { data: Some(data), ..ConfigMap::default() };
    leak.metadata.generate_name = Some("deis-leak-".to_owned());
    let maps = platform.own::<ConfigMap>();
    #[expect(clippy::disallowed_methods, reason = "the test's own object")]
    let leak = maps.create(&PostParams::default(), &leak).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("diagnosis.tar.gz");
    let written = deisctl(&["diagnose", &format!("--file={}", file.display())]).await;
    #[expect(clippy::disallowed_methods, reason = "the test's own object")]
    drop(maps.delete(&leak.name_any(), &DeleteParams::default()).await.unwrap());
    let written = written.succeeded();
    assert_eq!(written.stderr, "", "nothing is missing");

    let archive = run("tar", ["-xzOf", &file.to_string_lossy()]).await.succeeded().stdout;
    let names = run("tar", ["-tzf", &file.to_string_lossy()]).await.succeeded().stdout;
    for part in [
        "README.txt",
        "versions.yaml",
        "status.yaml",
        "doctor.yaml",
        "holdings.yaml",
        "objects/secrets.yaml",
        "objects/events.yaml",
        "objects/deployments.yaml",
        "objects/configmaps.yaml",
        "cluster/nodes.yaml",
        "logs/deis-etcd-0/etcd.log",
    ] {
        assert!(names.lines().any(|name| name == format!("deis-diagnose/{part}")), "{part} is not among {names}");
    }
    assert!(archive.contains("deis-leak-") && archive.contains("<redacted>"));
    for text in &texts {
        let lines = text.lines().map(str::trim).filter(|line| line.len() >= 12 && !line.starts_with("-----"));
        let found = std::iter::once(text.trim()).chain(lines).find(|text| archive.contains(text));
        assert!(found.is_none(), "a value of {} bytes is in the archive", found.map_or(0, str::len));
    }
    for value in &values {
        assert!(!archive.contains(&base64::engine::general_purpose::STANDARD.encode(value)), "{} bytes", value.len());
    }
    drop(deisctl(&["diagnose", &format!("--file={}", file.display())]).await.failed(1));
}

#[tokio::test]
async fn an_upgrade_is_planned_done_and_taken_back_when_it_fails() {
    let platform = Platform::connect_alone().await;
    let chart = root().join("charts/workflow");
    let chart = format!("--chart={}", chart.display());
    let seconds = async || {
        let router = platform.own::<Deployment>().get("deis-router").await.unwrap();
        let hook = router.spec.unwrap().template.spec.unwrap().containers.remove(0).lifecycle.unwrap();
        hook.pre_stop.unwrap().sleep.unwrap().seconds
    };
    let plan = deisctl(&["upgrade", &chart, "--set=router.preStopSeconds=6", "--dry-run"]).await.succeeded();
    assert!(plan.stdout.contains("     change Deployment deis-router\n"), "{plan}");
    assert_eq!(seconds().await, 5);

    let failed = ["upgrade", &chart, "--set=images.state=deis.local/deis/zebra:0", "--timeout=20"];
    let failed = deisctl(&failed).await.failed(1);
    assert!(
        failed.stderr.contains("state: deis-state-") && failed.stderr.contains("the platform is back at revision"),
        "{failed}"
    );
    assert!(failed.stderr.contains("All parts and the API are well."), "{failed}");

    let done = deisctl(&["upgrade", &chart, "--set=router.preStopSeconds=6"]).await.succeeded();
    assert!(done.stdout.contains("Asking every part and the API... all are well"), "{done}");
    assert_eq!(seconds().await, 6);
    drop(deisctl(&["upgrade", &chart, "--set=router.preStopSeconds=5"]).await.succeeded());
}

/// What is said of success by commands that only a platform can answer: to a program, and to a person at a terminal of 40 columns.
#[tokio::test]
async fn what_was_done_is_shown_at_both_widths() {
    let _platform = Platform::connect_alone().await;
    drop(well_platform().await);
    for is_narrow in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("diagnosis.tar.gz").to_string_lossy().into_owned();
        for (name, line) in [
            ("doctor", "doctor"),
            ("config_set", "config workflow set registration-mode=enabled"),
            ("config_get", "config workflow get"),
            ("config_rm", "config workflow rm registration-mode"),
            ("config_get_nothing", "config workflow get"),
            ("scale", "scale state=1"),
            ("restart", "restart logger-agent"),
            ("rolling_restart", "rolling-restart registry-proxy"),
            ("diagnose", &format!("diagnose --file={archive}")),
        ] {
            let (name, seen) = if is_narrow {
                let shell = format!("stty cols 40 rows 24; TERM=dumb exec {} {line}", deisctl_path());
                (format!("narrow_{name}"), run("script", ["-qefc", &shell, "/dev/null"]).await)
            } else {
                (name.to_owned(), deisctl(&line.split(' ').collect::<Vec<_>>()).await)
            };
            let seen = seen.succeeded().stdout.replace(&archive, "/diagnosis.tar.gz");
            insta::assert_snapshot!(name, without_figures(&seen));
        }
    }
}

/// The names of a part's pods, those on their way out included.
async fn pods_of(platform: &Platform, part: &str) -> Vec<String> {
    let pods = platform.own::<Pod>().list(&ListParams::default().labels(&format!("app={part}"))).await.unwrap();
    pods.iter().map(|pod| pod.name_any()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn deisctl_path() -> String {
    root().join("target/debug/deisctl").to_string_lossy().into_owned()
}

async fn deisctl(arguments: &[&str]) -> Output {
    run(deisctl_path(), arguments).await
}

async fn run<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = S>) -> Output {
    let mut command = command(program, arguments);
    let text = format!("{:?}", command.as_std());
    let output = deis_bootstrap::deadline(LIMIT, command.stdin(Stdio::null()).output()).await;
    let output = output.unwrap_or_else(|late| panic!("{text}: {late}")).unwrap();
    let said = |bytes| String::from_utf8(bytes).unwrap();
    Output { command: text, status: output.status, stdout: said(output.stdout), stderr: said(output.stderr) }
}

fn start<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = S>) -> Child {
    let mut command = command(program, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap()
}

fn command<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = S>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the tests run the programs that people run")]
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// What the terminal shows comes on stdout.
fn on_terminal(line: &str) -> Child {
    let line = format!("stty cols 100 rows 24; TERM=xterm exec {} {line}", deisctl_path());
    start("script", ["-qefc", &line, "/dev/null"])
}

async fn read_until(child: &mut Child, sign: &str) -> String {
    let stdout = child.stdout.as_mut().unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(sign) {
        let read = deis_bootstrap::deadline(LIMIT, stdout.read_buf(&mut shown)).await;
        let read = read.unwrap_or_else(|late| panic!("{late}: {}", String::from_utf8_lossy(&shown))).unwrap();
        assert_ne!(read, 0, "no {sign:?} in {}", String::from_utf8_lossy(&shown));
    }
    String::from_utf8_lossy(&shown).into_owned()
}

/// What asks a child to end that has no terminal.
async fn signal(child: &Child, name: &str) {
    drop(run("kill", ["-s", name, &child.id().unwrap().to_string()]).await.succeeded());
}
