//! From a request to the line about it on the terminal of somebody who follows the app's log.

use crate::figure::{Figure, Unit, seconds};
use crate::support::{Developer, Platform, ask};

const RUNS: usize = 100;
/// Seconds.
const CEILING: f64 = 1.0;

pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>) -> [Figure; 2] {
    let (repository, app) = developer.pushed_app("go").await;
    let mut following = repository.follow_logs(&["--process=web"]);
    let mut samples = Vec::with_capacity(RUNS);
    for run in 0..=RUNS {
        let path = format!("/run-{run}.");
        let url = format!("http://{}.{}{path}", app.name, platform.domain);
        let (sample, _answer) = tokio::join!(seconds(following.until(&path)), ask(&url));
        // The first one waits for the follower to be there at all.
        if run > 0 {
            samples.push(sample * 1000.0);
        }
    }
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    let mut sorted = samples.clone();
    sorted.sort_by(f64::total_cmp);
    let slow = sorted.get(RUNS * 99 / 100 - 1).copied().expect("there are samples");
    let figure = |name: &str, samples, goal| Figure {
        name: name.to_owned(),
        unit: Unit::Milliseconds,
        samples,
        ceiling: Some(CEILING * 1000.0),
        goal,
    };
    [
        figure("request → line in deis logs --follow", samples, Some(100.0)),
        figure("request → line in deis logs --follow, p99", vec![slow], None),
    ]
}
