//! Everything that people do to an app and to the platform, while the app is asked 500 times a second and has 50 websockets open: no
//! request fails, no websocket is closed by us, and what a command has removed does not answer any more once the command has returned.
//!
//! `make test` does each once; with `DEIS_LOSSLESS=all`, as in `make soak`, deploys and changes of config come twenty times.

use std::time::{Duration, Instant};

use crate::operator::{deisctl, output};
use crate::support::{App, Developer, Load, Platform, Repository};

/// Requests a second.
const RATE: u32 = 500;

/// For how long a router that is replaced keeps websockets: `router.terminationGracePeriodSeconds` of `scripts/test-platform`, without what it
/// needs to take its leave.
const WEBSOCKETS: Duration = Duration::from_secs(60);

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
    let (repository, app) = Load::pushed_app(&platform, &developer).await;
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());
    app.was_scaled(2, true);
    drop(repository.deis(&["config:set", "NUMBER=first"]).await.succeeded());
    let is_all = std::env::var("DEIS_LOSSLESS").is_ok_and(|lossless| lossless == "all");
    let times = if is_all { 20 } else { 2 };

    let load = Load::on(&app, &platform, RATE).await;
    let mut returned = Vec::new();
    // The first, so that the old ones are there while everything else is done, to their end.
    let replaced = Instant::now();
    drop(output(&deisctl(), &["rolling-restart", "router"]).await);
    for number in 0..times {
        let commit = repository.commit(&format!("Change {number}")).await;
        done(&repository, &app, &mut returned, &["push", "deis", "master"]).await;
        app.was_pushed(&commit, true);
        // The first one has every pod listen elsewhere.
        let (key, value) = if number == 0 { ("PORT", "5050".to_owned()) } else { ("NUMBER", number.to_string()) };
        done(&repository, &app, &mut returned, &["config:set", &format!("{key}={value}")]).await;
        app.was_configured(key, &value);
    }
    for count in [5, 1] {
        done(&repository, &app, &mut returned, &["scale", &format!("web={count}")]).await;
        app.was_scaled(count, true);
    }
    done(&repository, &app, &mut returned, &["rollback"]).await;
    let before = if is_all { (times - 2).to_string() } else { "first".to_owned() };
    app.was_configured("NUMBER", &before);
    done(&repository, &app, &mut returned, &["ps:restart"]).await;
    for part in ["workflow", "builder"] {
        drop(output(&deisctl(), &["rolling-restart", part]).await);
    }
    let report = load.ended().await;
    println!("{report}");
    report.all_answered();
    report.none_sent_away_before(replaced + WEBSOCKETS);
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
    let (repository, app) = Load::pushed_app(&platform, &developer).await;
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

/// Does something to the app, and notes what came of it.
async fn done(repository: &Repository<'_>, app: &App<'_>, returned: &mut Vec<Returned>, arguments: &[&str]) {
    let start = Instant::now();
    let told = if arguments.first() == Some(&"push") {
        repository.git(arguments).await.succeeded()
    } else {
        repository.deis(arguments).await.succeeded()
    };
    let now = Instant::now();
    drop(told);
    let (version, _) = app.releases(repository).await.swap_remove(0);
    returned.push(Returned { what: arguments.join(" "), took: now - start, version, moment: now });
}
