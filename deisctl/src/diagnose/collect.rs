use std::time::Duration;

use deis_cli::{Failure, Progress};
use futures_util::io::AsyncReadExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, Pod, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{DynamicObject, ListParams, LogParams};
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use super::archive::Archive;
use super::objects::{Sealed, kinds};
use super::redaction::{self, Redactor};
use crate::cluster::KubeError;
use crate::deadline::within;
use crate::{doctor, holdings, report};

/// How long any one question may take; what does not come is missing.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const HOLDINGS: &str = "who leads and who holds locks";
const LOG_LINES: i64 = 1000;
const LOG_BYTES: i64 = 1024 * 1024;

/// Looks at everything. What cannot be had is noted, and no reason to stop; without the Secrets, whose values are taken out of all
/// else, there would be no archive to be trusted.
pub(crate) async fn collect(client: &Client, namespace: &str, progress: &Progress<'_>) -> Result<Archive, Failure> {
    progress.explain("Secrets, to leave them out");
    let own = Api::<Secret>::namespaced(client.clone(), namespace).list(&ListParams::default()).await;
    let own = own.map_err(|error| unsealed(&KubeError::from(error)))?.items;
    let of_apps = ListParams::default().labels(deis_kube::labels::OURS);
    let of_apps = Api::<Secret>::all(client.clone()).list(&of_apps).await;
    let of_apps = of_apps.map_err(|error| unsealed(&KubeError::from(error)))?.items;
    let redactor = Redactor::new(own.iter().chain(&of_apps).flat_map(redaction::values))?;
    let archive = Archive::new(redactor, Timestamp::now());
    let mut collector = Collector { client, namespace, archive };

    let sealed = own.iter().map(Sealed::of).collect::<Vec<_>>();
    collector.archive.yaml("objects/secrets.yaml", &sealed);
    progress.explain("status and doctor");
    collector.health().await;
    for kind in kinds() {
        progress.explain(&kind.plural);
        let api = Api::namespaced_with(client.clone(), namespace, &kind);
        collector.list("objects", &kind, api).await;
    }
    for kind in [
        ApiResource::erase::<Node>(&()),
        ApiResource::erase::<PersistentVolume>(&()),
        ApiResource::erase::<StorageClass>(&()),
    ] {
        progress.explain(&kind.plural);
        collector.list("cluster", &kind, Api::all_with(client.clone(), &kind)).await;
    }
    collector.logs(progress).await;
    Ok(collector.archive)
}

fn unsealed(error: &KubeError) -> Failure {
    Failure::new(format!("cannot read the Secrets, whose values must be left out: {error}"))
        .hint("Use an account that may list Secrets in all namespaces.")
}

struct Collector<'a> {
    client: &'a Client,
    namespace: &'a str,
    archive: Archive,
}

impl Collector<'_> {
    /// The answer to a question, or a note that there was none.
    async fn answer<T>(&mut self, what: &str, question: impl Future<Output = kube::Result<T>>) -> Option<T> {
        match within(ANSWER_LIMIT, question).await {
            Some(Ok(answer)) => return Some(answer),
            Some(Err(error)) => self.archive.missing(what, &KubeError::from(error).to_string()),
            None => self.archive.missing(what, &format!("no answer within {} s", ANSWER_LIMIT.as_secs())),
        }
        None
    }

    /// Versions, what `status` and `doctor` say, and who leads and who holds what.
    async fn health(&mut self) {
        let (client, namespace) = (self.client, self.namespace);
        if let Some(kubernetes) = self.answer("versions", client.apiserver_version()).await {
            let versions = json!({ "deisctl": env!("CARGO_PKG_VERSION"), "kubernetes": kubernetes });
            self.archive.yaml("versions.yaml", &versions);
        }
        match report::all(client, namespace).await {
            Ok((reports, unasked)) => {
                if let Some(why) = unasked {
                    self.archive.missing("answers of the services", &why);
                }
                self.archive.yaml("status.yaml", &reports);
                let findings = doctor::examine(client, namespace, &reports, Timestamp::now()).await;
                self.archive.yaml("doctor.yaml", &findings);
            }
            Err(error) => self.archive.missing("status and doctor", &Failure::from(error).summary()),
        }
        match within(ANSWER_LIMIT, holdings::all(client, namespace)).await {
            Some(Ok(held)) => self.archive.yaml("holdings.yaml", &held),
            Some(Err(error)) => self.archive.missing(HOLDINGS, &holdings::sentence(&error)),
            None => self.archive.missing(HOLDINGS, &format!("no answer within {} s", ANSWER_LIMIT.as_secs())),
        }
    }

    async fn list(&mut self, folder: &str, kind: &ApiResource, api: Api<DynamicObject>) {
        let Some(list) = self.answer(&kind.plural, api.list(&ListParams::default())).await else { return };
        let objects = list.items.iter().filter_map(|object| serde_json::to_value(object).ok()).map(|mut object| {
            redaction::object(&mut object);
            object
        });
        let objects = objects.collect::<Vec<Value>>();
        if !objects.is_empty() {
            self.archive.yaml(format!("{folder}/{}.yaml", kind.plural), &objects);
        }
    }

    /// The newest lines of each container of each pod, and those of the process before.
    async fn logs(&mut self, progress: &Progress<'_>) {
        let pods = Api::<Pod>::namespaced(self.client.clone(), self.namespace);
        let Some(list) = self.answer("logs", pods.list(&ListParams::default())).await else { return };
        for pod in list.items {
            let name = pod.name_any();
            progress.explain(format_args!("the log of {name}"));
            let status = pod.status.unwrap_or_default();
            let containers = status.init_container_statuses.unwrap_or_default().into_iter();
            for container in containers.chain(status.container_statuses.unwrap_or_default()) {
                let started = container.container_id.is_some_and(|id| !id.is_empty());
                let log = format!("logs/{name}/{}", container.name);
                if started {
                    self.log(&pods, &name, &container.name, false, &format!("{log}.log")).await;
                }
                if started && container.restart_count > 0 {
                    self.log(&pods, &name, &container.name, true, &format!("{log}.previous.log")).await;
                }
            }
        }
    }

    async fn log(&mut self, pods: &Api<Pod>, pod: &str, container: &str, previous: bool, file: &str) {
        let params = LogParams {
            container: Some(container.to_owned()),
            previous,
            tail_lines: Some(LOG_LINES),
            limit_bytes: Some(LOG_BYTES),
            timestamps: true,
            ..LogParams::default()
        };
        let read = async {
            let mut bytes = Vec::new();
            let log = pods.log_stream(pod, &params).await?;
            log.take(LOG_BYTES.unsigned_abs()).read_to_end(&mut bytes).await.map_err(kube::Error::ReadEvents)?;
            Ok(bytes)
        };
        let Some(mut bytes) = self.answer(file, read).await else { return };
        if end_at_a_line(&mut bytes, LOG_BYTES) {
            self.archive.missing(file, &format!("what comes after its first {} KiB", LOG_BYTES >> 10));
        }
        self.archive.text(file, &String::from_utf8_lossy(&bytes));
    }
}

/// A log of this many bytes was cut where they were full. The line that was cut is left out: half a secret is not known as one.
fn end_at_a_line(log: &mut Vec<u8>, full: i64) -> bool {
    let cut = log.len() as u64 >= full.unsigned_abs();
    if cut {
        let whole = log.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        log.truncate(whole);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_cut_ends_at_its_last_newline() {
        let of = |text: &str, full| {
            let mut log = text.as_bytes().to_vec();
            let cut = end_at_a_line(&mut log, full);
            (cut, String::from_utf8(log).unwrap())
        };
        assert_eq!(of("one\npassword=hun", 16), (true, "one\n".to_owned()));
        assert_eq!(of("one\npassword=hunter22", 64), (false, "one\npassword=hunter22".to_owned()));
        assert_eq!(of("one\n", 4), (true, "one\n".to_owned()));
        assert_eq!(of("password=hun", 12), (true, String::new()));
    }
}
