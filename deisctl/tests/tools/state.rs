//! The state service, as operators ask it through a port of its pod, and what they make of its answer.

use std::time::{Duration, SystemTime};

use deis_proto::state::holding::Kind;
use deis_proto::state::holdings_service_server::{HoldingsService, HoldingsServiceServer};
use deis_proto::state::{Holding, ListHoldingsRequest, ListHoldingsResponse, LockOwner};
use serde_json::{Value, json};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::cluster::{Cluster, list};
use crate::grpc;

const HOLDER: &str = "deis-builder-a-0123abcd";

/// A state that tells this of holdings, or fails with a sentence; the certificates are those of one authority.
struct State {
    said: Value,
    operator: Value,
}

impl State {
    fn new(holdings: Value) -> Self {
        let [state, operator] = grpc::certificates(["state", "operator"]);
        Self { said: json!({ "server": state, "holdings": holdings }), operator }
    }

    /// A builder, a workflow and this state, one pod of each, and nothing else.
    fn answer(&self, asked: &str) -> Option<Value> {
        let path = asked.strip_prefix("GET ")?;
        if let Some(name) = path.strip_prefix("/apis/apps/v1/namespaces/deis/deployments/deis-") {
            let status = json!({ "replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1 });
            let spec = json!({ "replicas": 1, "selector": {}, "template": {} });
            let parts = ["builder", "workflow", "state"];
            return parts.contains(&name).then(|| json!({ "metadata": {}, "spec": spec, "status": status }));
        }
        Some(match path {
            "/api/v1/namespaces/deis/pods" => list(&["builder", "workflow", "state"].map(pod)),
            "/api/v1/namespaces/deis/pods/deis-state-a/portforward 50051" => self.said.clone(),
            "/api/v1/namespaces/deis/secrets/deis-operator-tls" => grpc::secret("deis-operator-tls", &self.operator),
            "/api/v1/namespaces/deis/secrets" => list(&[]),
            "/version" => json!({
                "major": "1", "minor": "35", "gitVersion": "v1.35.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "", "platform": "",
            }),
            _ => return None,
        })
    }
}

fn pod(part: &str) -> Value {
    json!({
        "metadata": { "name": format!("deis-{part}-a"), "namespace": "deis",
                      "labels": { "app": format!("deis-{part}"), "heritage": "deis" } },
        "spec": { "nodeName": "one", "containers": [] },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

/// What a port of state serves.
pub(crate) fn services(holdings: &Value) -> Routes {
    Routes::new(HoldingsServiceServer::new(Told(holdings.clone())))
}

/// A list of `[kind, name, holder, minutes]`, or the sentence of a refusal.
struct Told(Value);

#[tonic::async_trait]
impl HoldingsService for Told {
    /// One a page, so that whoever asks has to ask for all of them.
    async fn list_holdings(
        &self,
        request: Request<ListHoldingsRequest>,
    ) -> Result<Response<ListHoldingsResponse>, Status> {
        let Some(told) = self.0.as_array() else {
            return Err(Status::unavailable(self.0.as_str().unwrap().to_owned()));
        };
        let token = request.into_inner().page_token;
        let place = if token.is_empty() { 0 } else { token.parse::<usize>().unwrap() };
        let next_page_token = if place + 1 < told.len() { (place + 1).to_string() } else { String::new() };
        let holdings = told.get(place).map(holding).into_iter().collect();
        Ok(Response::new(ListHoldingsResponse { holdings, next_page_token }))
    }
}

fn holding(told: &Value) -> Holding {
    let text = |place: usize| told[place].as_str().unwrap().to_owned();
    let kind = Kind::from_str_name(&text(0)).unwrap();
    let (user, purpose) = match text(1).split_once('/') {
        Some(("push", _)) => ("ada", "git push"),
        Some(("deploy", _)) => ("", "deploy"),
        _ => ("", ""),
    };
    let owner = LockOwner { user: user.to_owned(), purpose: purpose.to_owned(), holder: text(2) };
    let since = SystemTime::now() - Duration::from_mins(told[3].as_u64().unwrap());
    Holding {
        kind: kind.into(),
        name: text(1),
        owner: Some(owner),
        since: Some(since.into()),
        time_to_live: Duration::from_secs(30).try_into().ok(),
        remaining: Duration::from_secs(21).try_into().ok(),
        renewed: true,
        lease_id: 1,
    }
}

/// Of what the doctor says, the area.
fn leases(said: &str) -> String {
    let lines = said.lines().skip_while(|line| !line.starts_with("leases"));
    lines.take_while(|line| !line.starts_with("parts")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_doctor_knows_who_leads_and_who_holds_what() {
    let leads = json!(["KIND_LEADER", "workflow/reconciler", "deis-workflow-a", 90]);
    let waits = json!(["KIND_CANDIDATE", "workflow/reconciler", "deis-workflow-gone", 90]);
    let well = json!([leads, waits, ["KIND_LOCK", "push/new", HOLDER, 1], ["KIND_LEASE", "01", "gone", 90]]);
    let ill = json!([
        ["KIND_LEADER", "workflow/reconciler", "deis-workflow-gone", 90],
        ["KIND_LOCK", "deploy/left", "deis-workflow-gone", 1],
        ["KIND_LOCK", "push/left", "deis-builder-gone-0123abcd", 1],
        ["KIND_LOCK", "push/long", HOLDER, 90],
    ]);
    let cases =
        [("well", well), ("ill", ill), ("leaderless", json!([waits])), ("silent", json!("etcd cannot be reached"))];
    for (name, holdings) in cases {
        let state = State::new(holdings);
        let cluster = Cluster::new(move |asked| state.answer(asked)).await;
        insta::assert_snapshot!(format!("leases_{name}"), leases(&cluster.said("doctor").await));
        insta::assert_snapshot!(format!("leases_{name}_narrow"), leases(&cluster.seen_narrow("doctor").await));
    }
}

#[tokio::test]
async fn a_diagnosis_has_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("diagnosis.tar.gz");
    let state = State::new(json!([["KIND_LOCK", "push/app", HOLDER, 1]]));
    let cluster = Cluster::new(move |asked| state.answer(asked)).await;
    cluster.said(&format!("diagnose --file={}", file.display())).await;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()));
    let mut found = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with("holdings.yaml") {
            std::io::Read::read_to_string(&mut entry, &mut found).unwrap();
        }
    }
    let (before, after) = found.split_once("since: ").unwrap();
    let (_time, after) = after.split_once('\n').unwrap();
    insta::assert_snapshot!("holdings", format!("{before}since: (when)\n{after}"));
}
