//! From `deis config:set` to three pods that all run with the new value.

use crate::figure::{Figure, Unit, seconds};
use crate::pods::Fleet;
use crate::support::{Developer, Platform};

const RUNS: usize = 5;
const PODS: usize = 3;

pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>) -> Figure {
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["scale", &format!("web={PODS}")]).await.succeeded());
    let fleet = Fleet { api: platform.objects(&app.name), selector: "type=web", generation: "version" };

    let mut samples = Vec::with_capacity(RUNS);
    for run in 1..=RUNS {
        let old = fleet.settled(PODS).await;
        let value = format!("POWERED_BY=run {run}");
        let set = async { drop(repository.deis(&["config:set", &value]).await.succeeded()) };
        let (sample, ()) = tokio::join!(seconds(fleet.replaced(&old, PODS)), set);
        samples.push(sample);
    }
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    Figure {
        name: format!("config:set → every pod new, {PODS} pods"),
        unit: Unit::Seconds,
        samples,
        ceiling: Some(5.0),
        goal: Some(3.0),
    }
}
