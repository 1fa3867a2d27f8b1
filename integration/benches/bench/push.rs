//! From `git push` of one commit to the first answer of the new code, with everything warm.

use std::time::Duration;

use crate::figure::{Figure, Unit, seconds};
use crate::probe::Probe;
use crate::support::{Developer, Platform};

const RUNS: usize = 10;

pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>) -> Figure {
    let (repository, app) = developer.pushed_app("go").await;
    let host = format!("{}.{}", app.name, platform.domain);
    let probe = Probe::new(format!("http://{host}/"), Duration::from_millis(10));
    let source = repository.path().join("main.go");
    let program = std::fs::read_to_string(&source).unwrap();

    let mut samples = Vec::with_capacity(RUNS);
    for run in 1..=RUNS {
        let greeting = format!("Commit {run} is powered by");
        std::fs::write(&source, program.replace("Powered by", &greeting)).unwrap();
        drop(repository.commit(&greeting).await);
        let served = probe.until(&host, |_status, body| body.starts_with(&greeting));
        let push = async { drop(repository.git(&["push", "deis", "master"]).await.succeeded()) };
        let (sample, ()) = tokio::join!(seconds(served), push);
        samples.push(sample);
    }
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    Figure {
        name: "push → first served request, warm".to_owned(),
        unit: Unit::Seconds,
        samples,
        ceiling: Some(10.0),
        goal: Some(2.5),
    }
}
