//! From `git push` to the first answer of the new code, in every language: the first push of an app, which finds no build cache, and
//! the next one, which finds that of the first and replaces a process that serves.

use std::time::Duration;

use crate::figure::{Figure, Unit, seconds};
use crate::probe::Probe;
use crate::support::{App, Developer, Platform, Repository};

/// Apps of each language.
const RUNS: usize = 3;

/// A ceiling is so many times the first figure measured.
const CEILING: f64 = 1.5;

/// An example, the file in which it greets, and the first figures measured, in seconds.
pub(crate) struct Example {
    name: &'static str,
    file: &'static str,
    cold: f64,
    warm: f64,
}

pub(crate) const EXAMPLES: [Example; 7] = [
    Example { name: "go", file: "main.go", cold: 5.73, warm: 5.94 },
    Example { name: "java", file: "src/main/java/com/example/Server.java", cold: 6.95, warm: 6.05 },
    Example { name: "nodejs", file: "server.js", cold: 3.81, warm: 4.97 },
    Example { name: "php", file: "public/index.php", cold: 3.54, warm: 4.09 },
    Example { name: "python", file: "app.py", cold: 4.71, warm: 3.95 },
    Example { name: "ruby", file: "server.rb", cold: 4.55, warm: 4.20 },
    Example { name: "static", file: "public/index.html", cold: 3.59, warm: 4.11 },
];

pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>, example: &Example) -> [Figure; 2] {
    let (mut cold, mut warm) = (Vec::with_capacity(RUNS), Vec::with_capacity(RUNS));
    for _run in 0..RUNS {
        let repository = developer.repository(example.name).await;
        let created = repository.deis(&["create"]).await.succeeded();
        let app = App::named_in(platform, &created.stdout);
        cold.push(push(platform, &repository, &app, "Powered by").await);

        let path = repository.path().join(example.file);
        let source = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, source.replace("Powered by", "Still powered by")).unwrap();
        drop(repository.commit("Another greeting").await);
        warm.push(push(platform, &repository, &app, "Still powered by").await);
        drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    }
    let figure = |kind, samples, first: f64| Figure {
        name: format!("push → first served, {}, {kind} cache", example.name),
        unit: Unit::Seconds,
        samples,
        ceiling: Some(CEILING * first),
        goal: None,
    };
    [figure("cold", cold, example.cold), figure("warm", warm, example.warm)]
}

async fn push(platform: &Platform, repository: &Repository<'_>, app: &App<'_>, greeting: &str) -> f64 {
    let host = format!("{}.{}", app.name, platform.domain);
    let probe = Probe::new(format!("http://{host}/"), Duration::from_millis(10));
    let served = probe.until(&host, |status, body| status == 200 && body.contains(greeting));
    let push = async { drop(repository.git(&["push", "deis", "master"]).await.succeeded()) };
    let (sample, ()) = tokio::join!(seconds(served), push);
    sample
}
