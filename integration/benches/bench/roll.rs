//! A roll of ten pods by two ReplicationControllers beside the same roll by a Deployment with the same pods, surge and probes.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{PodTemplateSpec, ReplicationController, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::figure::{Figure, Unit, seconds};
use crate::pods::Fleet;
use crate::support::{App, Developer, Platform, Repository};

const PODS: usize = 10;
/// How many pods either may have too many at a time: what the platform takes by itself for ten.
const SURGE: usize = 4;
/// Who rolls first changes from round to round, so that what the node does besides hits both.
const ROUNDS: usize = 4;
const PEER: &str = "peer";

pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>) -> [Figure; 3] {
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["config:set", &format!("DEIS_DEPLOY_BATCHES={SURGE}")]).await.succeeded());
    drop(repository.deis(&["scale", &format!("web={PODS}")]).await.succeeded());
    let peer = Peer::create(platform, &app).await;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            ours.push(roll_ours(platform, &app, &repository, round).await);
            theirs.push(peer.roll(round).await);
        } else {
            theirs.push(peer.roll(round).await);
            ours.push(roll_ours(platform, &app, &repository, round).await);
        }
    }
    peer.delete().await;
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());

    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let plain =
        |name: &str, samples| Figure { name: name.to_owned(), unit: Unit::Seconds, samples, ceiling: None, goal: None };
    [
        plain("roll of 10 pods", ours),
        plain("roll of 10 pods by a Deployment", theirs),
        Figure {
            name: "roll of 10 pods beside a Deployment".to_owned(),
            unit: Unit::Times,
            samples: ratios,
            ceiling: Some(1.3),
            goal: Some(1.1),
        },
    ]
}

async fn roll_ours(platform: &Platform, app: &App<'_>, repository: &Repository<'_>, round: usize) -> f64 {
    let fleet = Fleet { api: platform.objects(&app.name), selector: "type=web", generation: "version" };
    let old = fleet.settled(PODS).await;
    let value = format!("POWERED_BY=round {round}");
    let set = async { drop(repository.deis(&["config:set", &value]).await.succeeded()) };
    let (sample, ()) = tokio::join!(seconds(fleet.replaced(&old, PODS)), set);
    sample
}

/// The Deployment, in the app's own namespace. The Service selects none of its pods.
struct Peer {
    api: Api<Deployment>,
    fleet: Fleet,
}

#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
impl Peer {
    async fn create(platform: &Platform, app: &App<'_>) -> Self {
        let controllers = platform.objects::<ReplicationController>(&app.name);
        let controller = controllers.list(&ListParams::default()).await.unwrap().items.pop().unwrap();
        let mut template = controller.spec.unwrap().template.unwrap();
        Self::keep_environment(platform, app, &mut template).await;
        let api = platform.objects::<Deployment>(&app.name);
        api.create(&PostParams::default(), &deployment(template)).await.unwrap();
        let fleet = Fleet { api: platform.objects(&app.name), selector: "bench=peer", generation: "pod-template-hash" };
        Self { api, fleet }
    }

    /// Gives the pods a copy of their release's environment: the platform removes that of a release long gone.
    async fn keep_environment(platform: &Platform, app: &App<'_>, template: &mut PodTemplateSpec) {
        let container = template.spec.as_mut().unwrap().containers.first_mut().unwrap();
        let source = container.env_from.as_mut().unwrap().first_mut().unwrap().secret_ref.as_mut().unwrap();
        let secrets = platform.objects::<Secret>(&app.name);
        let data = secrets.get(&source.name).await.unwrap().data;
        let metadata = ObjectMeta { name: Some(PEER.to_owned()), ..ObjectMeta::default() };
        let copy = Secret { metadata, data, ..Secret::default() };
        drop(secrets.create(&PostParams::default(), &copy).await.unwrap());
        PEER.clone_into(&mut source.name);
    }

    async fn roll(&self, round: usize) -> f64 {
        let old = self.fleet.settled(PODS).await;
        let environment =
            json!([{ "name": "web", "env": [{ "name": "POWERED_BY", "value": format!("round {round}") }] }]);
        let patch = Patch::Strategic(json!({ "spec": { "template": { "spec": { "containers": environment } } } }));
        let set = async { drop(self.api.patch(PEER, &PatchParams::default(), &patch).await.unwrap()) };
        let (sample, ()) = tokio::join!(seconds(self.fleet.replaced(&old, PODS)), set);
        sample
    }

    async fn delete(self) {
        drop(self.api.delete(PEER, &DeleteParams::background()).await.unwrap());
    }
}

fn deployment(mut template: PodTemplateSpec) -> Deployment {
    let labels = BTreeMap::from([("bench".to_owned(), PEER.to_owned())]);
    template.metadata = Some(ObjectMeta { labels: Some(labels.clone()), ..ObjectMeta::default() });
    let rolling = RollingUpdateDeployment {
        max_surge: Some(IntOrString::Int(SURGE.try_into().unwrap())),
        max_unavailable: Some(IntOrString::Int(0)),
    };
    Deployment {
        metadata: ObjectMeta { name: Some(PEER.to_owned()), ..ObjectMeta::default() },
        spec: Some(DeploymentSpec {
            replicas: Some(PODS.try_into().unwrap()),
            selector: LabelSelector { match_labels: Some(labels), ..LabelSelector::default() },
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(rolling),
            }),
            template,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}
