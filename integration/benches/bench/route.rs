//! From the change of a Service's `router.deis.io/domains` to the first request of the new name that the app answers, while the
//! router holds many other routes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Namespace, Service, ServicePort, ServiceSpec};
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::figure::{Figure, Unit, seconds};
use crate::probe::Probe;
use crate::support::{App, Developer, Platform, until_answers};

const RUNS: usize = 20;
/// How many other apps there are, unless `DEIS_BENCH_ROUTES` says otherwise.
const ROUTES: usize = 10_000;
const DOMAINS: &str = "router.deis.io/domains";

pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>) -> Figure {
    let routes = std::env::var("DEIS_BENCH_ROUTES").map_or(ROUTES, |routes| routes.parse().unwrap());
    let (repository, app) = developer.pushed_app("go").await;
    let crowd = Crowd::create(platform, routes).await;
    let probe = Probe::new(format!("http://{}.{}/", app.name, platform.domain), Duration::from_millis(1));

    let mut samples = Vec::with_capacity(RUNS);
    for run in 1..=RUNS {
        let name = format!("{}-{run}", app.name);
        let host = format!("{name}.{}", platform.domain);
        probe.until(&host, |status, _body| status == 404).await;
        let served = probe.until(&host, |status, _body| status == 200);
        let domains = format!("{},{name}", app.name);
        let change = serve_as(platform, &app, &domains);
        let (sample, ()) = tokio::join!(seconds(served), change);
        samples.push(sample * 1000.0);
    }
    serve_as(platform, &app, &app.name).await;
    crowd.delete().await;
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    Figure {
        name: format!("route change → served, at {routes} apps"),
        unit: Unit::Milliseconds,
        samples,
        ceiling: Some(50.0),
        goal: Some(5.0),
    }
}

async fn serve_as(platform: &Platform, app: &App<'_>, domains: &str) {
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { DOMAINS: domains } } }));
    #[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
    let patched = platform.objects::<Service>(&app.name).patch(&app.name, &PatchParams::default(), &patch).await;
    drop(patched.unwrap());
}

/// Services without backends, each with a name of its own, in one namespace.
struct Crowd {
    namespaces: Api<Namespace>,
    namespace: String,
}

#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
impl Crowd {
    /// Returns when the routers know all of them.
    async fn create(platform: &Platform, count: usize) -> Self {
        let namespaces: Api<Namespace> = Api::all(platform.client.clone());
        let metadata = ObjectMeta { generate_name: Some("bench-routes-".to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let namespace = namespaces.create(&PostParams::default(), &namespace).await.unwrap().metadata.name.unwrap();

        let services = platform.objects::<Service>(&namespace);
        let post = PostParams::default();
        let made = stream::iter(0..count).map(|index| {
            let (services, post, service) = (&services, &post, routable(&format!("{namespace}-{index}")));
            async move { services.create(post, &service).await }
        });
        made.buffer_unordered(16).try_for_each(|_service| async { Ok(()) }).await.unwrap();
        if let Some(last) = count.checked_sub(1) {
            until_answers(&format!("http://{namespace}-{last}.{}/", platform.domain), 503).await;
        }
        Self { namespaces, namespace }
    }

    async fn delete(self) {
        drop(self.namespaces.delete(&self.namespace, &DeleteParams::background()).await.unwrap());
    }
}

fn routable(name: &str) -> Service {
    Service {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(BTreeMap::from([("router.deis.io/routable".to_owned(), "true".to_owned())])),
            annotations: Some(BTreeMap::from([(DOMAINS.to_owned(), name.to_owned())])),
            ..ObjectMeta::default()
        },
        // Headless, so that the node's own proxy has nothing to do with them.
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            ports: Some(vec![ServicePort { name: Some("http".to_owned()), port: 80, ..ServicePort::default() }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
