//! Pods that are taken away by others: somebody drains a node.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt as _;
use kube::api::EvictParams;

use crate::support::{Developer, Platform, is_ready};

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn a_drain_takes_no_more_than_an_app_can_spare() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "drained").await;
    let (repository, app) = developer.pushed_app("go").await;
    let budgets = platform.names::<PodDisruptionBudget>(&app.name).await;
    assert_eq!(budgets, [format!("{}-web", app.name)]);
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());
    app.was_scaled(2, true);

    let pods = app.eventually_pods("both serve", |pods| pods.len() == 2 && pods.iter().all(is_ready)).await;
    let [first, second] = [0, 1].map(|number: usize| pods[number].name_any());
    let api = platform.objects::<k8s_openapi::api::core::v1::Pod>(&app.name);
    let backends = app.record_backends();
    // The second one is asked for again for as long as there is none to spare, as by `kubectl drain`.
    for pod in [&first, &second] {
        drop(api.evict(pod, &EvictParams::default()).await.unwrap());
    }
    app.eventually_pods("two others serve", |pods| {
        let others = pods.iter().filter(|pod| ![&first, &second].contains(&&pod.name_any()));
        others.filter(|pod| is_ready(pod)).count() == 2
    })
    .await;
    let backends = backends.stop().await;
    assert!(backends.iter().all(|ready| ready.old + ready.new >= 1), "one is always left: {backends:?}");
    assert!(backends.iter().any(|ready| ready.old + ready.new == 1), "they went one by one: {backends:?}");

    // A process type without pods has none to spare.
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    app.was_scaled(0, true);
    assert_eq!(platform.names::<PodDisruptionBudget>(&app.name).await, <[String; 0]>::default());
}
