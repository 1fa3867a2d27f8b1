//! Everything that people do to an app and to the platform, while the app is asked 500 times a second and has 50 websockets open: no
//! request fails, no websocket is closed by us, and what a command has removed does not answer any more once the command has returned.
//!
//! `make test` does each once or twice; with `DEIS_LOSSLESS=30`, as in `make soak`, deploys and changes of config come twenty times, and all
//! of it again and again for so many minutes.

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;

use crate::operator::{deisctl, output};
use crate::support::{App, Developer, Load, Platform, Repository};

/// Requests a second.
const RATE: u32 = 500;

/// What a router that is replaced needs to take its leave, of the time that it has.
const FAREWELL: u64 = 10;

/// What was done, and which release there was when it had returned.
struct Returned {
    what: String,
    took: Duration,
    version: String,
    moment: Instant,
}

#[tokio::test]
async fn no_change_costs_a_request() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "lossless").await;
    let (repository, app) = Load::pushed_app(&developer).await;
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());
    app.was_scaled(2, true);
    drop(repository.deis(&["config:set", "NUMBER=first"]).await.succeeded());
    let minutes =
        std::env::var("DEIS_LOSSLESS").ok().map(|minutes| minutes.parse::<u64>().expect("DEIS_LOSSLESS: minutes"));
    let long = minutes.map(|minutes| Duration::from_secs(minutes * 60));
    let load = Load::on(&app, &platform, RATE).await;
    let began = Instant::now();
    let mut story = Story { repository: &repository, app: &app, returned: Vec::new(), numbers: 0 };
    story.play(if long.is_some() { 20 } else { 2 }).await;
    while long.is_some_and(|long| began.elapsed() < long) {
        story.play(20).await;
    }
    let Story { returned, .. } = story;
    let report = load.ended().await;
    println!("{report}");
    report.all_answered();
    report.none_sent_away_before(began + websockets(&platform).await);
    for Returned { what, took, version, moment } in returned {
        println!("{what}: {version} after {took:.1?}");
        report.none_older(&version, moment);
    }
    platform.agree().await;
}

/// The same with draining switched off: pods that leave are killed after a second, whatever they do. The load notices.
#[tokio::test]
async fn without_draining_changes_cost_requests() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "lossy").await;
    let (repository, app) = Load::pushed_app(&developer).await;
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());
    app.was_scaled(2, true);
    let undrained = "KUBERNETES_POD_TERMINATION_GRACE_PERIOD_SECONDS=1";
    drop(repository.deis(&["config:set", undrained]).await.succeeded());

    let load = Load::on(&app, &platform, RATE).await;
    drop(repository.deis(&["config:set", "NUMBER=1"]).await.succeeded());
    app.was_configured("NUMBER", "1");
    let report = load.ended().await;
    println!("{report}");
    assert!(report.has_failed());
}

/// Everything that people do.
struct Story<'a> {
    repository: &'a Repository<'a>,
    app: &'a App<'a>,
    returned: Vec<Returned>,
    /// How many numbers the app was given.
    numbers: u32,
}

impl Story<'_> {
    /// With so many deploys and changes of config.
    async fn play(&mut self, times: u32) {
        // First, so that the old routers are there while everything else is done, to their end.
        drop(output(&deisctl(), &["rolling-restart", "router"]).await);
        let mut settings = Vec::new();
        for number in 0..times {
            let commit = self.repository.commit(&format!("Change {number}")).await;
            self.done(&["push", "deis", "master"]).await;
            self.app.was_pushed(&commit, true);
            // The first one has every pod listen elsewhere.
            let (key, value) = if number == 0 { ("PORT", self.other_port()) } else { ("NUMBER", self.other_number()) };
            self.done(&["config:set", &format!("{key}={value}")]).await;
            self.app.was_configured(key, &value);
            settings.push((key, value));
        }
        for count in [5, 1] {
            self.done(&["scale", &format!("web={count}")]).await;
            self.app.was_scaled(count, true);
        }
        self.done(&["rollback"]).await;
        let before = settings.iter().rev().filter(|(key, _)| *key == "NUMBER").nth(1);
        self.app.was_configured("NUMBER", before.map_or("first", |(_, value)| value));
        self.done(&["ps:restart"]).await;
        for part in ["workflow", "builder"] {
            drop(output(&deisctl(), &["rolling-restart", part]).await);
        }
    }

    fn other_port(&mut self) -> String {
        (5050 + self.other()).to_string()
    }

    fn other_number(&mut self) -> String {
        self.other().to_string()
    }

    fn other(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// Does something to the app, and notes what came of it.
    async fn done(&mut self, arguments: &[&str]) {
        let start = Instant::now();
        let told = if arguments.first() == Some(&"push") {
            self.repository.git(arguments).await.succeeded()
        } else {
            self.repository.deis(arguments).await.succeeded()
        };
        let moment = Instant::now();
        drop(told);
        let (version, _) = self.app.releases(self.repository).await.swap_remove(0);
        self.returned.push(Returned { what: arguments.join(" "), took: moment - start, version, moment });
    }
}

/// For how long a router that is replaced keeps websockets.
async fn websockets(platform: &Platform) -> Duration {
    let router = platform.own::<Deployment>().get("deis-router").await.unwrap();
    let has = router.spec.unwrap().template.spec.unwrap().termination_grace_period_seconds.unwrap();
    Duration::from_secs(u64::try_from(has).unwrap() - FAREWELL)
}
