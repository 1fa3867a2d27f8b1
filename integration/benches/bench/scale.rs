//! From `deis scale` of one pod to five to the fifth that is ready.

use crate::figure::{Figure, Unit, seconds};
use crate::pods::Fleet;
use crate::support::{Developer, Platform, is_ready};

const RUNS: usize = 5;

/// Seconds: 1.5 × the first figure measured, 3.05 s.
const CEILING: f64 = 4.6;

pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>) -> Figure {
    let (repository, app) = developer.pushed_app("go").await;
    let fleet = Fleet { api: platform.objects(&app.name), selector: "type=web", generation: "version" };

    let mut samples = Vec::with_capacity(RUNS);
    for _run in 0..RUNS {
        drop(repository.deis(&["scale", "web=1"]).await.succeeded());
        drop(fleet.settled(1).await);
        let grown = app.eventually_pods("five are ready", |pods| pods.len() == 5 && pods.iter().all(is_ready));
        let scale = async { drop(repository.deis(&["scale", "web=5"]).await.succeeded()) };
        let (sample, ()) = tokio::join!(seconds(grown), scale);
        samples.push(sample);
    }
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    Figure { name: "scale 1 → 5".to_owned(), unit: Unit::Seconds, samples, ceiling: Some(CEILING), goal: None }
}
