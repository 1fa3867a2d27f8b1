//! From the first version to this one by `helm upgrade`, back by `helm rollback`, and forth again, while an app is asked without pause:
//! no request fails, and nothing that was acknowledged is missing. `make soak` installs the first version and runs this on it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests assert by panicking")]

#[path = "../cluster/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other tests on the node need more of it")]
mod support;

use std::path::Path;

use crate::support::{App, Developer, Load, Platform, Repository, helm};

/// Requests a second.
const RATE: u32 = 50;

#[tokio::test]
async fn apps_serve_while_the_platform_goes_to_another_version_and_back() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "loyal").await;
    let (repository, app) = Load::pushed_app(&developer).await;
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());
    app.was_scaled(2, true);
    let mut history = worked(&repository, &app, "FIRST").await;
    platform.agree().await;

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (chart, images) = (root.join("charts/workflow"), root.join("target/images/images.yaml"));
    let (chart, values) = (chart.to_str().unwrap(), format!("--values={}", images.display()));
    let upgrade = ["upgrade", "deis", chart, "--reset-then-reuse-values", &values];
    let moves: [(&str, &[&str]); 3] =
        [("UPGRADED", &upgrade), ("ROLLED_BACK", &["rollback", "deis", "1"]), ("UPGRADED_AGAIN", &upgrade)];
    for (name, arguments) in moves {
        let load = Load::on(&app, &platform, RATE).await;
        helm(arguments).await;
        platform.agree().await;
        let report = load.ended().await;
        println!("{name}: {report}");
        report.all_answered();
        // What was there is there, and everything works.
        assert_eq!(app.releases(&repository).await, history, "{name}");
        history = worked(&repository, &app, name).await;
        platform.agree().await;
    }
}

/// Sets a value and pushes a commit; the app's history after it.
async fn worked(repository: &Repository<'_>, app: &App<'_>, key: &str) -> Vec<(String, String)> {
    drop(repository.deis(&["config:set", &format!("{key}=yes")]).await.succeeded());
    app.was_configured(key, "yes");
    let commit = repository.commit(key).await;
    drop(repository.git(&["push", "deis", "master"]).await.succeeded());
    app.was_pushed(&commit, true);
    app.releases(repository).await
}
