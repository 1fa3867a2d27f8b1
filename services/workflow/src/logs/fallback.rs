//! The pods' own logs in the store's place: without events, without the pods that are gone, and as much as their nodes keep.

use deis_api::AppName;
use deis_api::rest::{LogEntry, LogStream};
use futures_util::stream::{self, BoxStream, StreamExt as _, select_all};
use jiff::Timestamp;

use super::reader::after_notice;
use super::{Away, Logs, PodLine, Query};
use crate::apps::pod_views;
use crate::deploy::PodView;

/// At most so many pods are asked, the newest.
const PODS: usize = 50;
/// So many of them at a time.
const AT_A_TIME: usize = 8;

impl Logs {
    pub(super) async fn fall_back(&self, app: &AppName, query: &Query, away: &Away) -> BoxStream<'static, LogEntry> {
        let mut pods = pod_views(self.pods.pods(app), query.process.as_ref(), Timestamp::now());
        let beyond = pods.len().saturating_sub(PODS);
        pods.truncate(PODS);
        let asked = stream::iter(pods).map(|pod| self.tail_of(app, query, pod));
        let answers = asked.buffered(AT_A_TIME).collect::<Vec<_>>().await;

        let mut text = format!("the log store cannot be reached ({away}): these lines come from the pods themselves");
        if beyond > 0 {
            text.push_str(&format!(", but not from the {beyond} oldest of them"));
        }
        let mut entries = Vec::new();
        let mut followed = Vec::new();
        for (pod, tail) in &answers {
            match tail {
                Ok(lines) => {
                    entries.extend(lines.iter().map(|line| entry(pod, line.clone())));
                    let newest = lines.iter().map(|line| line.time).max();
                    followed.push((pod, newest.or(query.since).unwrap_or(Timestamp::UNIX_EPOCH)));
                }
                Err(silent) => text.push_str(&format!("; {} cannot be read ({silent})", pod.name)),
            }
        }
        entries.sort_by_key(LogEntry::time);
        let entries = newest(entries, query.lines);
        let following = if query.follow { self.follow_pods(app, &followed).await } else { stream::empty().boxed() };
        after_notice(text, entries, following)
    }

    async fn tail_of(&self, app: &AppName, query: &Query, pod: PodView) -> (PodView, Result<Vec<PodLine>, Away>) {
        let tail = self.own.tail(app, &pod.name, query.lines, query.since).await;
        (pod, tail)
    }

    async fn follow_pods(&self, app: &AppName, pods: &[(&PodView, Timestamp)]) -> BoxStream<'static, LogEntry> {
        let mut streams = Vec::new();
        for (pod, after) in pods {
            let (pod, after) = ((*pod).clone(), *after);
            let lines = self.own.follow(app, &pod.name, after).await;
            streams.push(lines.map(move |line| entry(&pod, line)).boxed());
        }
        select_all(streams).boxed()
    }
}

/// The last `most` of them.
fn newest(mut entries: Vec<LogEntry>, most: u32) -> Vec<LogEntry> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    entries.split_off(entries.len().saturating_sub(most))
}

/// Kubernetes tells the streams apart no more than a terminal does.
fn entry(pod: &PodView, line: PodLine) -> LogEntry {
    LogEntry::Line {
        time: line.time,
        pod: pod.name.clone(),
        process: pod.proc_type.to_string(),
        release: pod.release.clone(),
        stream: LogStream::Stdout,
        text: line.text,
    }
}
