//! What a deploy costs the API server, counted from its audit log: so much for a release, so much for each batch of pods, and nothing for
//! time that passes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::support::{Developer, Platform, node_logs};

/// Requests for a release, however many pods it has. What changes while a run ends has another one look: five for each.
const FOR_A_RELEASE: usize = 30;
/// Requests for each batch of pods that comes and goes, one for each pod that is to go before others among them.
const FOR_A_BATCH: usize = 7;

/// Whose requests are counted.
const CONTROLLER: &str = "system:serviceaccount:deis:deis-workflow";

#[tokio::test]
async fn a_deploy_asks_the_api_server_for_no_more_than_it_needs() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "frugal").await;
    let (repository, app) = developer.pushed_app("go").await;
    // Pods at a time: the larger of a quarter and four.
    for (pods, batches) in [(10, 3), (20, 4)] {
        drop(repository.deis(&["scale", &format!("web={pods}")]).await.succeeded());
        app.was_scaled(pods, true);
        let before = requests(&app.name).await;
        drop(repository.deis(&["config:set", &format!("PODS={pods}")]).await.succeeded());
        app.was_configured("PODS", &pods.to_string());
        let mut made = requests(&app.name).await;
        for (request, count) in before {
            *made.get_mut(&request).expect("the log keeps what it has") -= count;
        }
        made.retain(|_, count| *count > 0);
        let sum = made.values().sum::<usize>();
        println!("{pods} pods in {batches} batches: {sum} requests, {made:?}");
        assert!(sum <= FOR_A_RELEASE + FOR_A_BATCH * batches, "{sum} requests for {pods} pods: {made:#?}");
        assert!(sum >= batches, "the log has them");
    }
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    app.was_scaled(0, true);
}

/// A request, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    #[serde(default)]
    object_ref: Object,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    namespace: String,
    resource: String,
    subresource: String,
}

/// Everything that the controller has asked for in the app's namespace: verb and resource, and how often.
async fn requests(app: &str) -> BTreeMap<String, usize> {
    let mut made = BTreeMap::new();
    // A log that is full stays beside its successor.
    for file in std::fs::read_dir(node_logs().await).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_str().is_some_and(|name| name.starts_with("audit")) {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).unwrap();
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _rest)| whole);
        for line in whole.lines().filter(|line| line.contains(app) && line.contains(CONTROLLER)) {
            let Event { stage, verb, object_ref: object } = serde_json::from_str(line).unwrap();
            if stage == "ResponseComplete" && object.namespace == app {
                let name = format!("{verb} {} {}", object.resource, object.subresource);
                *made.entry(name.trim_end().to_owned()).or_insert(0) += 1;
            }
        }
    }
    made
}
