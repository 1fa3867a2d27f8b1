use std::time::Duration;

use deis_api::AppName;
use deis_bootstrap::deadline;
use futures_util::future::BoxFuture;
use futures_util::io::{AsyncBufReadExt as _, AsyncReadExt as _};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;

use super::writes::Kubernetes;
use crate::logs::{Away, PodLine, PodLogs};

/// How long a node may take to hand out what it has.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most of one pod's newest lines, in bytes.
const TAIL_BYTES: i64 = 256 * 1024;
/// After so many bytes of one pod whoever follows it has to ask again.
const FOLLOW_BYTES: u64 = 64 * 1024 * 1024;

impl PodLogs for Kubernetes {
    fn tail<'a>(
        &'a self,
        app: &'a AppName,
        pod: &'a str,
        lines: u32,
        since: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<Vec<PodLine>, Away>> {
        Box::pin(async move {
            let params = LogParams {
                tail_lines: Some(lines.into()),
                since_time: since,
                limit_bytes: Some(TAIL_BYTES),
                timestamps: true,
                ..LogParams::default()
            };
            let pods = self.api::<Pod>(app);
            let text = deadline(PATIENCE, pods.logs(pod, &params)).await.map_err(|late| Away(late.to_string()))?;
            let text = text.map_err(|error| Away(words(error)))?;
            Ok(text.lines().filter_map(parse).filter(|line| since.is_none_or(|since| line.time >= since)).collect())
        })
    }

    fn follow<'a>(
        &'a self,
        app: &'a AppName,
        pod: &'a str,
        after: Timestamp,
    ) -> BoxFuture<'a, BoxStream<'static, PodLine>> {
        Box::pin(async move {
            // Whole seconds are all that Kubernetes can be asked for.
            let params = LogParams { follow: true, since_time: Some(after), timestamps: true, ..LogParams::default() };
            match self.api::<Pod>(app).log_stream(pod, &params).await {
                Ok(log) => {
                    let lines = log.take(FOLLOW_BYTES).lines().take_while(|line| std::future::ready(line.is_ok()));
                    let lines = lines.filter_map(move |line| {
                        let line = line.ok().and_then(|line| parse(&line)).filter(|line| line.time > after);
                        std::future::ready(line)
                    });
                    lines.boxed()
                }
                Err(error) => {
                    tracing::warn!(%app, pod, %error, "a pod's log cannot be followed");
                    stream::empty().boxed()
                }
            }
        })
    }
}

/// `2016-02-20T23:18:03.000000001Z text`.
fn parse(line: &str) -> Option<PodLine> {
    let (time, text) = line.split_once(' ').unwrap_or((line, ""));
    Some(PodLine { time: time.parse().ok()?, text: text.to_owned() })
}

/// What Kubernetes says, in its own words.
fn words(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_with_their_time() {
        let time = "2016-02-20T23:18:03.000000001Z";
        let line = |text: &str| Some(PodLine { time: time.parse().unwrap(), text: text.to_owned() });
        assert_eq!(parse(&format!("{time} GET / 200")), line("GET / 200"));
        assert_eq!(parse(&format!("{time} ")), line(""));
        assert_eq!(parse(time), line(""));
        assert_eq!(parse("unable to retrieve container logs"), None);
    }
}
