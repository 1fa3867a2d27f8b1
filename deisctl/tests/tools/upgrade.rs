use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::cluster::{Cluster, read_until, said, send};
use crate::helm::Helm;

/// A platform of which nothing is up: its faults are passed over, and no look at its health ends well.
async fn cluster() -> Cluster {
    Cluster::new(|asked| match asked {
        "GET /version" => Some(json!({
            "major": "1", "minor": "35", "gitVersion": "v1.35.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
            "goVersion": "", "compiler": "", "platform": "",
        })),
        "GET /apis" => Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] })),
        _ => None::<Value>,
    })
    .await
}

fn line(helm: &Helm) -> String {
    format!("upgrade --chart=/charts/workflow --despite-faults {}", helm.option())
}

const FAILED: [(&str, &str); 3] = [("superseded", "0.1.0"), ("deployed", "0.1.0"), ("failed", "0.2.0")];
const DONE: [(&str, &str); 3] = [("superseded", "0.1.0"), ("superseded", "0.1.0"), ("deployed", "0.2.0")];
const THEIRS: [(&str, &str); 3] = [("superseded", "0.1.0"), ("deployed", "0.1.0"), ("pending-upgrade", "0.2.0")];
const NOTHING: [(&str, &str); 2] = [("superseded", "0.1.0"), ("deployed", "0.1.0")];

/// As `deisctl upgrade | head -1` does it, while helm is at work.
#[tokio::test]
async fn a_closed_output_does_not_stop_the_way_back() {
    let (cluster, helm) = (cluster().await, Helm::new("echo 'Error: UPGRADE FAILED: timed out' >&2; exit 1", &FAILED));
    let mut child = cluster.command(&line(&helm)).spawn().unwrap();
    let ended = async {
        let mut stdout = child.stdout.take().unwrap();
        read_until(&mut stdout, "If any of it fails: helm rollback to revision 2\n").await;
        drop(stdout);
        let mut stderr = child.stderr.take().unwrap();
        let told = read_until(&mut stderr, "going back to revision 2.").await;
        // It asks every part now; nothing of this platform is up.
        send(&child, Signal::SIGINT);
        let rest = read_until(&mut stderr, "deisctl status").await;
        (child.wait().await.unwrap().code(), told + &rest)
    };
    let (code, told) = cluster.during(ended).await;
    assert_eq!(code, Some(1), "{told}");
    insta::assert_snapshot!(helm.named(&told));
    let asked = helm.asked();
    assert!(asked.iter().any(|line| line.starts_with("rollback deis 2 --wait --timeout 600s")), "{asked:#?}");
    assert!(asked.iter().any(|line| line.starts_with("get manifest deis --revision 2 ")), "{asked:#?}");
}

#[tokio::test]
async fn nobody_goes_back_under_somebody_elses_upgrade() {
    let refused = "echo 'WARNING: readable by all' >&2; echo 'Error: UPGRADE FAILED: another operation is in progress' >&2; exit 1";
    let (cluster, helm) = (cluster().await, Helm::new(refused, &THEIRS));
    let said = cluster.said(&line(&helm)).await;
    insta::assert_snapshot!(helm.named(said.split_once("--- stderr\n").unwrap().1));
    assert!(helm.asked().iter().all(|line| !line.starts_with("rollback")), "{:#?}", helm.asked());
}

#[tokio::test]
async fn nobody_goes_back_from_where_nothing_was_changed() {
    let (cluster, helm) = (cluster().await, Helm::new("echo 'Error: chart not found' >&2; exit 1", &NOTHING));
    let said = cluster.said(&line(&helm)).await;
    insta::assert_snapshot!(helm.named(said.split_once("--- stderr\n").unwrap().1));
    assert!(helm.asked().iter().all(|line| !line.starts_with("rollback")), "{:#?}", helm.asked());
}

/// Killed with its revision half-way: that one is ours.
#[tokio::test]
async fn a_helm_that_is_killed_leaves_a_revision_that_is_taken_back() {
    let (cluster, helm) = (cluster().await, Helm::new("kill -9 $$", &THEIRS));
    let mut child = cluster.command(&line(&helm)).spawn().unwrap();
    let ended = async {
        read_until(child.stderr.as_mut().unwrap(), "going back to revision 2.").await;
        send(&child, Signal::SIGINT);
        child.wait_with_output().await.unwrap()
    };
    assert_eq!(cluster.during(ended).await.status.code(), Some(1));
    assert!(helm.asked().iter().any(|line| line.starts_with("rollback deis 2 ")), "{:#?}", helm.asked());
}

#[tokio::test]
async fn a_person_who_does_not_wait_is_told_what_goes_on() {
    let (cluster, helm) = (cluster().await, Helm::new("echo 'Release \"deis\" has been upgraded.'", &DONE));
    let mut child = cluster.command(&line(&helm)).spawn().unwrap();
    let ended = async {
        read_until(child.stdout.as_mut().unwrap(), "Asking every part and the API... ").await;
        send(&child, Signal::SIGINT);
        child.wait_with_output().await.unwrap()
    };
    insta::assert_snapshot!(said("upgrade", &cluster.during(ended).await));
    assert!(helm.asked().iter().all(|line| !line.starts_with("rollback")), "{:#?}", helm.asked());
}

#[tokio::test]
async fn a_plan_is_shown_and_nothing_is_done() {
    let (cluster, helm) = (cluster().await, Helm::new("exit 1", &FAILED));
    let line = line(&helm) + " --dry-run";
    let said = cluster.said(&line).await;
    insta::assert_snapshot!("plan", said.replace(&line, "upgrade --dry-run"));
    insta::assert_snapshot!("plan_narrow", cluster.seen_narrow(&line).await.replace(&line, "upgrade --dry-run"));
    assert!(helm.asked().iter().all(|line| !line.starts_with("upgrade") || line.contains("--dry-run")));
}
