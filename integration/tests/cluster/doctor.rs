//! What goes wrong with a platform, one fault after the other: the doctor names each, and nothing else, and what it says mends it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use serde_json::Value;

use crate::support::{Platform, recovered};

/// How long the cluster may take to show a fault, or to be well again.
const LIMIT: Duration = Duration::from_secs(60);

/// Area and subject of a finding, and how what it says begins.
type Named = (&'static str, &'static str, &'static str);

/// Something that somebody does by hand, as a command line.
struct Fault {
    by: String,
    /// What the doctor finds then, and nothing else.
    found: &'static [Named],
    mended: Mended,
}

enum Mended {
    /// By the command that ends the fix of the finding in this area.
    As(&'static str),
    /// The fix is for people to think about; this takes the fault away.
    By(&'static str),
}

fn fault(by: impl Into<String>, found: &'static [Named], mended: Mended) -> Fault {
    Fault { by: by.into(), found, mended }
}

/// None of them loses anything, and what serves goes on.
fn faults(node: &str) -> Vec<Fault> {
    vec![
        fault(
            "kubectl -n deis delete secret deis-logger-agent-tls",
            &[("secrets", "deis-logger-agent-tls", "is missing")],
            Mended::As("secrets"),
        ),
        fault(
            r#"kubectl -n deis patch secret deis-logger-agent-tls --type=merge -p '{"data": {"tls.crt": "ZGFtYWdlZA=="}}'"#,
            &[(
                "secrets",
                "deis-logger-agent-tls",
                "cannot be used: Secret deis-logger-agent-tls is not what it should be",
            )],
            Mended::As("secrets"),
        ),
        fault(
            r#"kubectl -n deis patch service deis-logger --type=merge -p '{"spec": {"selector": {"app": "nobody"}}}'"#,
            &[
                ("services", "deis-logger", "leads to no pod that is ready"),
                ("drift", "Service deis-logger", "spec.selector.app is nobody and not deis-logger"),
            ],
            Mended::As("drift"),
        ),
        fault(
            "kubectl -n deis scale deployment deis-logger --replicas=0",
            &[
                ("parts", "logger", "is scaled to nothing"),
                ("services", "deis-logger", "leads to no pod that is ready"),
                ("drift", "Deployment deis-logger", "spec.replicas is 0 and not 1"),
            ],
            Mended::As("parts"),
        ),
        fault(
            "kubectl -n deis set image deployment/deis-state state=deis.local/deis/state:9.9.9",
            &[
                ("parts", "state", "serves as before its newest change, which is not through"),
                ("parts", "", "is not ready"),
                (
                    "drift",
                    "Deployment deis-state",
                    "spec.template.spec.containers[state].image is deis.local/deis/state:9.9.9",
                ),
            ],
            Mended::As("drift"),
        ),
        fault(
            "kubectl -n deis set env deployment/deis-state LOUD=1",
            &[("drift", "Deployment deis-state", "spec.template.spec.containers[state].env[LOUD] was added")],
            Mended::As("drift"),
        ),
        fault(
            "kubectl -n deis label deployment deis-router app.kubernetes.io/version=9.9.9 --overwrite",
            &[
                ("versions", "deis-router", "is of 9.9.9"),
                ("drift", "Deployment deis-router", "metadata.labels.app.kubernetes.io/version is 9.9.9"),
            ],
            Mended::As("drift"),
        ),
        fault(
            "kubectl -n deis delete networkpolicy deis-logger-redis",
            &[("drift", "NetworkPolicy deis-logger-redis", "was deleted")],
            Mended::As("drift"),
        ),
        fault(
            r#"kubectl patch clusterrole deis-logger-agent --type=json -p '[{"op": "add", "path": "/rules/0/verbs/-", "value": "delete"}]'"#,
            &[("drift", "ClusterRole deis-logger-agent", "rules[0].verbs is ")],
            Mended::As("drift"),
        ),
        fault(
            r#"kubectl -n deis patch cronjob deis-renewal --type=merge -p '{"spec": {"schedule": "0 0 1 1 *"}}'"#,
            &[("drift", "CronJob deis-renewal", "spec.schedule is 0 0 1 1 * and not ")],
            Mended::As("drift"),
        ),
        fault(
            applied(
                r#"{"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": {"name": "data-deis-etcd-1", "namespace": "deis", "labels": {"app": "deis-etcd"}},
                    "spec": {"storageClassName": "nowhere", "accessModes": ["ReadWriteOnce"],
                             "resources": {"requests": {"storage": "1Gi"}}}}"#,
            ),
            &[("volumes", "data-deis-etcd-1", "has no volume, it is Pending")],
            Mended::As("volumes"),
        ),
        fault(
            applied(
                r#"{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": "kube-scheduler", "namespace": "kube-system"},
                    "spec": {"holderIdentity": "gone", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}}"#,
            ),
            &[("leases", "kube-scheduler", "is stuck: gone led it")],
            Mended::As("leases"),
        ),
        fault(
            format!("kubectl cordon {node}"),
            &[("nodes", "", "is cordoned: it takes no new pods")],
            Mended::As("nodes"),
        ),
        fault(
            STUCK_APP,
            &[("apps", "doctors-stuck", "finds no node for pod stuck-v2-web-")],
            Mended::By("kubectl delete namespace doctors-stuck"),
        ),
        fault(
            applied(
                r#"{"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": "doctors-orphan", "labels": {"app": "doctors-orphan", "heritage": "deis"}}}"#,
            ),
            &[("apps", "doctors-orphan", "belongs to no app in the ledger; it has ")],
            Mended::As("apps"),
        ),
    ]
}

/// An app's pod that no node takes, and that for longer than the doctor is patient.
const STUCK_APP: &str = r#"set -e
kubectl create namespace doctors-stuck
kubectl label namespace doctors-stuck heritage=deis
kubectl apply -f - <<'END'
{"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "stuck-v2-web", "namespace": "doctors-stuck"},
 "spec": {"replicas": 1, "selector": {"app": "stuck"}, "template": {
   "metadata": {"labels": {"app": "stuck", "heritage": "deis"}},
   "spec": {"nodeSelector": {"disk": "nowhere"}, "containers": [{"name": "web", "image": "nowhere/nothing"}]}}}}
END
kubectl -n doctors-stuck wait rc/stuck-v2-web --for=jsonpath='{.status.replicas}'=1 --timeout=30s
pod=$(kubectl -n doctors-stuck get pods --output=name)
kubectl -n doctors-stuck wait "$pod" --timeout=30s \
  --for=jsonpath='{.status.conditions[?(@.type=="PodScheduled")].reason}'=Unschedulable
kubectl -n doctors-stuck patch "$pod" --subresource=status --type=strategic \
  -p '{"status": {"conditions": [{"type": "PodScheduled", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}'
"#;

fn applied(object: &str) -> String {
    format!("kubectl apply -f - <<'END'\n{object}\nEND\n")
}

#[tokio::test]
async fn each_fault_is_named_and_mended_as_it_is_said() {
    let platform = Platform::connect_alone().await;
    let nodes = Api::<Node>::all(platform.client.clone()).list(&ListParams::default()).await.unwrap();
    let node = nodes.items.first().expect("a node").name_any();
    let undo = all_undone(&node, running().await);
    let well = <[Value]>::is_empty;
    seen(well).await.unwrap_or_else(|seen| panic!("not well to begin with: {seen}"));
    let mut named = 0;
    for fault in faults(&node) {
        let began = Instant::now();
        shell(&fault.by).await;
        let found = match seen(|faults| is_found(faults, fault.found)).await {
            Ok(found) => found,
            Err(seen) => {
                // What was broken is mended before anybody complains.
                drop(run(&undo).await);
                panic!("after {}: {seen}", fault.by);
            }
        };
        let text = told().await;
        let mend = match &fault.mended {
            Mended::As(area) => command(&found, area),
            Mended::By(command) => (*command).to_owned(),
        };
        shell(&mend).await;
        if let Err(seen) = seen(well).await {
            drop(run(&undo).await);
            panic!("after {}, mended by {mend}: {seen}", fault.by);
        }
        // What a pod waits for changes from one look to the next: only what is named here has to stand in both.
        for (area, subject, says) in fault.found {
            let found = found.iter().find(|found| is(found, &(area, subject, says))).expect("what was looked for");
            let part = |field: &str| found[field].as_str().unwrap();
            let line = format!("  {} {says}", part("subject"));
            let fix = format!("    to mend it: {}\n", part("fix"));
            assert!(text.contains(&line) && text.contains(&fix), "{line}\n{fix} is not in {text}");
        }
        named += 1;
        for (area, subject, says) in fault.found {
            println!("{named}. {area}: {subject} {says}");
        }
        println!("    mended by `{mend}`, {:.1?} in all", began.elapsed());
    }
    recovered(&platform).await;
    println!("{named} faults were named and mended as the doctor says");
    assert!(named >= 12);
}

/// Whether the faults are these, and no others.
fn is_found(faults: &[Value], expected: &[Named]) -> bool {
    faults.len() == expected.len() && expected.iter().all(|expected| faults.iter().any(|fault| is(fault, expected)))
}

/// Whether this is the fault that is named so, and comes with a fix.
fn is(fault: &Value, (area, subject, says): &Named) -> bool {
    let text = |field: &str| fault[field].as_str().unwrap();
    fault["area"] == *area
        && (subject.is_empty() || text("subject") == *subject)
        && text("says").starts_with(says)
        && !text("fix").is_empty()
}

/// Asks the doctor until what it finds is so: the cluster takes its time to show a fault. Gives what it found.
async fn seen(is_so: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>, String> {
    let mut last = String::new();
    let asked = async {
        loop {
            let faults = diagnosed().await;
            if is_so(&faults) {
                return faults;
            }
            last.clear();
            for fault in &faults {
                write!(last, "\n{fault}").unwrap();
            }
        }
    };
    let asked = deis_bootstrap::deadline(LIMIT, asked).await;
    asked.map_err(|_late| format!("the doctor finds{}", if last.is_empty() { " nothing" } else { &last }))
}

/// What the doctor finds wrong.
async fn diagnosed() -> Vec<Value> {
    let output = run("deisctl doctor --output=json").await;
    let findings = serde_json::from_slice::<Vec<Value>>(&output.stdout);
    let findings = findings.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let faults = findings.into_iter().filter(|finding| finding["well"] == false).collect::<Vec<_>>();
    assert_eq!(output.status.code(), Some(i32::from(!faults.is_empty())), "{output:?}");
    faults
}

/// The same for people.
async fn told() -> String {
    let output = run("deisctl doctor").await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("found"), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The command at the end of a fix.
fn command(found: &[Value], area: &str) -> String {
    let fault = found.iter().find(|fault| fault["area"] == area).expect("a fault of the area");
    let fix = fault["fix"].as_str().unwrap();
    fix.rsplit_once(": ").map_or(fix, |(_, command)| command).to_owned()
}

/// The revision of the release that runs.
async fn running() -> u64 {
    let history = run("helm history deis --namespace deis --output json").await;
    let history: Vec<Value> = serde_json::from_slice(&history.stdout).unwrap();
    let running = history.iter().rfind(|revision| revision["status"] == "deployed").expect("a release");
    running["revision"].as_u64().unwrap()
}

/// Everything as it was released, whatever was done to it.
fn all_undone(node: &str, revision: u64) -> String {
    format!(
        "helm rollback deis {revision} --namespace deis; deisctl init --domain=${{DEIS_DOMAIN:-apps.localhost}}; \
         kubectl uncordon {node}; kubectl -n deis set env deployment/deis-state LOUD-; \
         kubectl delete --ignore-not-found namespace/doctors-stuck namespace/doctors-orphan; \
         kubectl -n deis delete --ignore-not-found pvc/data-deis-etcd-1; \
         kubectl -n kube-system delete --ignore-not-found lease/kube-scheduler"
    )
}

async fn shell(line: &str) {
    let output = run(line).await;
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A line that an operator types, with the programs of this tree.
async fn run(line: &str) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let upstream = PathBuf::from(std::env::var_os("DEIS_UPSTREAM").expect("run `make test`"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", root.join("target/debug").display(), upstream.display());
    #[expect(clippy::disallowed_methods, reason = "what an operator types")]
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", line]).env("PATH", path).stdin(Stdio::null());
    deis_bootstrap::deadline(LIMIT, command.output()).await.unwrap_or_else(|late| panic!("{line}: {late}")).unwrap()
}
