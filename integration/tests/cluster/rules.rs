//! What an app's users say about how it is served, at the router's door and in Kubernetes.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;

use crate::support::{App, Developer, Platform, Repository, until_answers};

/// How long a rule may take from the command's end to both routers.
const LIMIT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_app_is_closed_hidden_and_opened_again() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "keeper").await;
    let (repository, app) = developer.pushed_app("go").await;
    let door = Door { platform: &platform, repository: &repository, app: &app };

    door.after(&["maintenance:on"], 503, &[("maintenance", "true")]).await;
    let explained = repository.deis(&["explain"]).await.succeeded();
    assert!(explained.stdout.starts_with(&format!("{} is in maintenance", app.name)), "{explained}");
    door.after(&["maintenance:off"], 200, &[("maintenance", "false")]).await;
    door.after(&["whitelist:add", "192.0.2.7"], 403, &[("whitelist", "192.0.2.7")]).await;
    door.after(&["whitelist:remove", "192.0.2.7"], 200, &[("whitelist", "")]).await;
    door.after(&["tls:enable"], 301, &[("ssl.enforce", "true")]).await;
    door.after(&["tls:disable"], 200, &[("ssl.enforce", "false")]).await;

    door.after(&["routing:disable"], 404, &[("routable", "false")]).await;
    // No router has its pods, and nobody waits for that.
    drop(repository.deis(&["config:set", "POWERED_BY=Nobody"]).await.succeeded());
    app.was_configured("POWERED_BY", "Nobody");
    door.after(&["routing:enable"], 200, &[("routable", "true")]).await;
    assert_eq!(app.get().await, (200, "Powered by Nobody\n".to_owned()));

    // The router has told where the commands came from; the push came another way.
    let told = repository.deis(&["activity"]).await.succeeded();
    let noted = |action: &str| {
        let is_it = |line: &&str| line.split_whitespace().any(|word| word == action);
        told.stdout.lines().find(is_it).unwrap_or_else(|| panic!("no {action} in\n{told}")).to_owned()
    };
    let (settings, config) = (noted("app.settings"), noted("release.create"));
    assert!(settings.contains("routable: false -> true"), "{settings}");
    assert!(config.contains("values.POWERED_BY: ********"), "{config}");
    let from = settings.split_whitespace().nth(2).unwrap();
    assert!(from.parse::<IpAddr>().is_ok_and(|address| !address.is_loopback()), "{settings}");
    assert!(settings.contains(&developer.name), "{settings}");
}

struct Door<'a> {
    platform: &'a Platform,
    repository: &'a Repository<'a>,
    app: &'a App<'a>,
}

impl Door<'_> {
    /// Says something about the app; the Service says so at once in its annotations or labels, and both routers answer with this status
    /// within a second.
    #[expect(clippy::print_stdout, reason = "a figure for whoever asks for it")]
    async fn after(&self, arguments: &[&str], status: u16, settings: &[(&str, &str)]) {
        drop(self.repository.deis(arguments).await.succeeded());
        let services = self.platform.objects::<Service>(&self.app.name);
        let url = format!("http://{}.{}/", self.app.name, self.platform.domain);
        let (service, first) = tokio::join!(services.get(&self.app.name), until_answers(&url, status));
        let service = service.unwrap();
        for (key, value) in settings {
            let key = format!("router.deis.io/{key}");
            let told = service.annotations().get(&key).or_else(|| service.labels().get(&key));
            assert_eq!(told.map(String::as_str), Some(*value), "{key} after {arguments:?}");
        }
        println!("{arguments:?}: {status} from both routers after {:.3} s", first.as_secs_f64());
        assert!(first < LIMIT, "{arguments:?}: it took {first:?}");
    }
}
