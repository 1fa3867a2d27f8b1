//! A process type that has paths of its app at the routers.

use std::time::{Duration, Instant};

use crate::support::{App, Developer, Platform};

/// Both routers have answered in a row of so many, over a connection each.
const IN_A_ROW: usize = 10;
/// How long the way to a pod may take to change.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn paths_of_an_app_go_to_another_process_type() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "pathfinder").await;
    let repository = developer.repository("go").await;
    let procfile = "web: go-example\napi: POWERED_BY=Api go-example\n";
    std::fs::write(repository.path().join("Procfile"), procfile).unwrap();
    drop(repository.commit("Another process type").await);
    let app = repository.pushed_app().await;
    drop(repository.deis(&["scale", "api=1"]).await.succeeded());
    let door = Door { platform: &platform, app: &app };
    assert_eq!(door.said("/api/users").await, "Powered by Deis\n");

    drop(repository.deis(&["services:add", "--type=api", "--route=/api/,/v[0-9]+/"]).await.succeeded());
    door.until("/api/users", "Powered by Api\n").await;
    for (path, said) in [("/v2/users", "Api"), ("/", "Deis"), ("/apis", "Deis"), ("/other/api/", "Deis")] {
        assert_eq!(door.said(path).await, format!("Powered by {said}\n"), "{path}");
    }
    let listed = repository.deis(&["services"]).await.succeeded();
    assert!(listed.stdout.contains("/api/,/v[0-9]+/"), "{listed}");

    // The next release's processes have them too.
    drop(repository.deis(&["config:set", "POWERED_BY=Everybody"]).await.succeeded());
    app.was_configured("POWERED_BY", "Everybody");
    door.until("/api/users", "Powered by Api\n").await;
    assert_eq!(door.said("/").await, "Powered by Everybody\n");

    drop(repository.deis(&["services:remove", "api"]).await.succeeded());
    door.until("/api/users", "Powered by Everybody\n").await;
    drop(repository.deis(&["scale", "api=0"]).await.succeeded());
}

struct Door<'a> {
    platform: &'a Platform,
    app: &'a App<'a>,
}

impl Door<'_> {
    /// What is answered at a path, over a connection of its own.
    async fn said(&self, path: &str) -> String {
        let answer = reqwest::get(format!("http://{}.{}{path}", self.app.name, self.platform.domain)).await.unwrap();
        answer.text().await.unwrap()
    }

    /// Asks until both routers say it.
    #[expect(clippy::print_stdout, reason = "a figure for whoever asks for it")]
    async fn until(&self, path: &str, wanted: &str) {
        let (start, mut in_a_row) = (Instant::now(), 0);
        while in_a_row < IN_A_ROW {
            let said = self.said(path).await;
            in_a_row = if said == wanted { in_a_row + 1 } else { 0 };
            assert!(start.elapsed() < LIMIT, "{path} is answered with {said}");
        }
        println!("{path}: {} after {:.3} s", wanted.trim(), start.elapsed().as_secs_f64());
    }
}
