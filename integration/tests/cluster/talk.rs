//! The talk that this project comes from, played on a real Kubernetes: slides 2 to 4 at the command line, slides 18 to 25 in
//! Kubernetes.

use crate::support::{Developer, Platform};

#[tokio::test]
async fn create_push_scale_configure_and_roll_back() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "jhansen").await;
    let repository = developer.repository("go").await;

    let created = repository.deis(&["create"]).await.succeeded();
    let app = created.stdout.split_whitespace().find(|word| word.contains('-')).expect("the app's name").to_owned();
    drop(repository.git(&["push", "deis", "master"]).await.succeeded());
    let answer = reqwest::get(developer.url(&app)).await.unwrap();
    assert_eq!(answer.status(), 200);
}
