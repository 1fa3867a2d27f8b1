use std::error::Error;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};
use tokio::time::Instant;

use crate::deadline::within;
use crate::probe::http_status;
use crate::report::{self, Report};

/// After helm has seen every pod ready, the parts may take a moment to agree.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A look that takes longer has met somebody who is silent.
const LOOK: Duration = Duration::from_secs(20);
/// Where workflow serves the API.
const API_PORT: u16 = 8000;
/// How much of the log of a part that fails is shown.
const LAST_LINES: i64 = 12;

/// Asks every part, and the API, until all are well.
///
/// # Errors
/// What is not well, when it stays so.
pub(super) async fn until_well(client: &Client, namespace: &str) -> Result<(), String> {
    patiently(async || look(client, namespace).await, LOOK, PATIENCE).await
}

/// Looks again and again; one look may take as long as `longest`, and after `patience` there is no other.
async fn patiently(
    look: impl AsyncFn() -> Result<(), String>,
    longest: Duration,
    patience: Duration,
) -> Result<(), String> {
    let begun = Instant::now();
    let backoff = ExponentialBuilder::default().with_jitter().with_max_delay(LONGEST_PAUSE).without_max_times();
    let bounded = || async {
        within(longest, look()).await.unwrap_or_else(|| Err(format!("no answer within {} s", longest.as_secs())))
    };
    bounded.retry(backoff.with_min_delay(longest / 20)).when(|_ill| begun.elapsed() < patience).await
}

async fn look(client: &Client, namespace: &str) -> Result<(), String> {
    let reports = all(client, namespace).await?;
    let ill = reports.iter().filter(|report| !report.up).map(|report| report.standing.component);
    let ill = ill.collect::<Vec<_>>();
    if !ill.is_empty() {
        return Err(format!("not up: {}", ill.join(", ")));
    }
    let workflow = reports.iter().find(|report| report.standing.component == "workflow");
    let pod = workflow.and_then(|report| report.standing.pods.iter().find(|asked| asked.pod.serves()));
    let pod = pod.ok_or_else(|| "no pod of workflow is ready".to_owned())?;
    api_is_ready(client, namespace, &pod.pod.name).await.map_err(|error| format!("the API does not answer: {error}"))
}

async fn all(client: &Client, namespace: &str) -> Result<Vec<Report>, String> {
    let made = report::all(client, namespace).await;
    made.map(|(reports, _)| reports).map_err(|error| error.to_string())
}

/// `GET /readiness` of one pod: the API answers, and so does the ledger behind it.
async fn api_is_ready(client: &Client, namespace: &str, pod: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let status = http_status(&pods, pod, API_PORT, "/readiness").await?;
    if status.is_success() { Ok(()) } else { Err(format!("it says {status}").into()) }
}

/// The last log lines of pods that are not ready, while they are still there to be asked. A part may be up all the same: what served
/// before does so until the new pods are ready.
pub(super) async fn last_words(client: &Client, namespace: &str) -> Vec<String> {
    within(LOOK, words(client, namespace)).await.unwrap_or_default()
}

async fn words(client: &Client, namespace: &str) -> Vec<String> {
    let Ok(reports) = all(client, namespace).await else { return Vec::new() };
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let mut said = Vec::new();
    for report in &reports {
        for asked in report.standing.pods.iter().filter(|asked| !asked.pod.ready && !asked.pod.is_leaving()) {
            let pod = &asked.pod;
            said.push(format!(
                "{}: {} is {}, started {} times again",
                report.standing.component, pod.name, pod.state, pod.restarts
            ));
            let previous = pod.restarts > 0;
            let params = LogParams { tail_lines: Some(LAST_LINES), previous, ..LogParams::default() };
            // A pod that has not started has no log; its state says why.
            let log = pods.logs(&pod.name, &params).await.unwrap_or_default();
            said.extend(log.lines().map(|line| format!("  {line}")));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[tokio::test]
    async fn a_silent_part_is_not_waited_for_without_end() {
        let looks = Mutex::new(0);
        let second = async || {
            *looks.lock() += 1;
            let first = *looks.lock() == 1;
            if first { std::future::pending().await } else { Ok(()) }
        };
        let short = Duration::from_millis(1);
        assert_eq!(patiently(second, short, Duration::from_secs(60)).await, Ok(()));
        assert_eq!(looks.into_inner(), 2);
        let never = patiently(async || std::future::pending().await, short, Duration::ZERO).await;
        assert_eq!(never, Err("no answer within 0 s".to_owned()));
    }
}
