//! Namespaces of apps that are no more, as the doctor tells them from those of apps that come and go.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::cluster::{Cluster, list};
use crate::platform::Platform;

const NAMESPACES: &str = "GET /api/v1/namespaces";
const LEDGER: &str = "GET /api/v1/namespaces/deis/pods/deis-database-a/exec sh -c ";

fn namespace(app: &str) -> Value {
    json!({ "metadata": { "name": app, "uid": app, "labels": { "app": app, "heritage": "deis" } } })
}

/// A platform whose ledger has one app. `first` are the namespaces before the ledger is read, `then` those afterwards.
async fn cluster(first: &[&str], then: &[&str], ledger: Value) -> Cluster {
    let platform = Platform::well();
    let lists = [first, then].map(|apps| list(&apps.iter().map(|app| namespace(app)).collect::<Vec<_>>()));
    let is_read = Cell::new(false);
    let pod = json!({ "metadata": { "name": "left-v2-web-x", "namespace": "left", "labels": { "heritage": "deis" } } });
    Cluster::new(move |asked| match asked {
        NAMESPACES => Some(lists[usize::from(is_read.get())].clone()),
        "GET /api/v1/namespaces/left/pods" => Some(list(std::slice::from_ref(&pod))),
        asked if asked.starts_with(LEDGER) => {
            is_read.set(true);
            Some(ledger.clone())
        }
        asked => platform.answer(asked),
    })
    .await
}

/// Of what the doctor says, the area.
fn apps(said: &str) -> String {
    let lines = said.lines().skip_while(|line| !line.starts_with("apps"));
    lines.take_while(|line| !line.starts_with("---")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_namespace_that_stayed_behind_is_named_with_what_is_in_it() {
    let ledger = json!({ "stdout": "shop\n", "exit": 0 });
    let cluster = cluster(&["left", "shop"], &["left", "shop"], ledger).await;
    insta::assert_snapshot!("orphan", apps(&cluster.said("doctor").await));
    insta::assert_snapshot!("orphan_narrow", apps(&cluster.seen_narrow("doctor").await));
}

/// The ledger knows an app before it has a namespace and as long as it has one: whoever reads it first, or looks only once, names those.
#[tokio::test]
async fn an_app_that_comes_or_goes_meanwhile_is_not_named() {
    for (first, then) in [(["shop"].as_slice(), ["shop", "new"].as_slice()), (&["shop", "going"], &["shop"])] {
        let cluster = cluster(first, then, json!({ "stdout": "shop\n", "exit": 0 })).await;
        let said = cluster.said("doctor").await;
        assert!(apps(&said).starts_with("apps       ok"), "{said}");
        let asked = cluster.asked();
        let order = asked.iter().map(|asked| asked.split_once(" sh -c").map_or(asked.as_str(), |(path, _)| path));
        let ledger = LEDGER.trim_end_matches(" sh -c ");
        let order = order.filter(|path| *path == NAMESPACES || *path == ledger).collect::<Vec<_>>();
        assert_eq!(order[..2], [NAMESPACES, ledger], "{asked:#?}");
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_is_told() {
    let ledger = json!({ "stderr": "psql: error: no space left\n", "exit": 2 });
    let cluster = cluster(&["shop"], &["shop"], ledger).await;
    insta::assert_snapshot!("orphan_unread", apps(&cluster.said("doctor").await));
}
