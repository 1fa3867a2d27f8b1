use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PartialObjectMeta};
use kube::{Api, Client, ResourceExt as _};
use serde::Deserialize;

use crate::cluster::KubeError;

/// The name of the chart.
const CHART: &str = "workflow";
/// A Secret has a megabyte of it, packed.
const LARGEST: u64 = 64 << 20;

/// A release as helm keeps it, in a Secret: <https://helm.sh/docs/topics/advanced/#storage-backends>.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) name: String,
    /// Of the revision that runs.
    pub(super) revision: u32,
    /// Its objects, as YAML; hooks are not among them.
    pub(super) manifest: String,
    /// Helm is at work on a newer revision, or was killed at it: its status, and since when.
    pub(super) pending: Option<(String, Timestamp)>,
}

#[derive(Debug, Deserialize)]
struct Document {
    name: String,
    version: u32,
    manifest: String,
    chart: Chart,
}

#[derive(Debug, Deserialize)]
struct Chart {
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
}

impl Release {
    /// The platform's; `None` when helm has not installed it.
    pub(super) async fn installed(client: &Client, namespace: &str) -> Result<Option<Self>, KubeError> {
        let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
        let deployed = secrets.list(&ListParams::default().labels("owner=helm,status=deployed")).await?;
        let documents = deployed.iter().filter_map(read).filter(|document| document.chart.metadata.name == CHART);
        let Some(running) = documents.max_by_key(|document| document.version) else { return Ok(None) };
        let revisions = ListParams::default().labels(&format!("owner=helm,name={}", running.name));
        let newest = secrets.list_metadata(&revisions).await?.items.into_iter().max_by_key(revision);
        Ok(Some(Self {
            name: running.name,
            revision: running.version,
            manifest: running.manifest,
            pending: newest.as_ref().and_then(pending),
        }))
    }
}

fn read(secret: &Secret) -> Option<Document> {
    let packed = STANDARD.decode(&secret.data.as_ref()?.get("release")?.0).ok()?;
    let mut text = Vec::new();
    GzDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn revision(secret: &PartialObjectMeta<Secret>) -> u32 {
    secret.labels().get("version").and_then(|version| version.parse().ok()).unwrap_or(0)
}

fn pending(secret: &PartialObjectMeta<Secret>) -> Option<(String, Timestamp)> {
    let status = secret.labels().get("status").filter(|status| status.starts_with("pending-"))?;
    let created = secret.metadata.creation_timestamp.as_ref()?;
    Some((status.clone(), created.0))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use k8s_openapi::ByteString;
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_release_is_unpacked() {
        let document = json!({ "name": "deis", "version": 3, "manifest": "kind: Role", "info": {}, "hooks": [],
                               "chart": { "metadata": { "name": "workflow" }, "files": [] } });
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(document.to_string().as_bytes()).unwrap();
        let packed = ByteString(STANDARD.encode(packed.finish().unwrap()).into_bytes());
        let secret = Secret { data: Some([("release".to_owned(), packed)].into()), ..Secret::default() };
        let read_back = read(&secret).unwrap();
        assert_eq!((read_back.name.as_str(), read_back.version), ("deis", 3));
        assert_eq!((read_back.manifest.as_str(), read_back.chart.metadata.name.as_str()), ("kind: Role", "workflow"));
        assert!(read(&Secret::default()).is_none());
    }

    #[test]
    fn a_revision_that_is_under_way_is_known_by_its_labels() {
        let of = |status: &str| {
            let labels = json!({ "status": status, "version": "4" });
            let secret: PartialObjectMeta<Secret> = from_value(json!({
                "metadata": { "name": "x", "labels": labels, "creationTimestamp": "2026-11-23T12:00:00Z" },
            }))
            .unwrap();
            (revision(&secret), pending(&secret).map(|(status, _)| status))
        };
        assert_eq!(of("deployed"), (4, None));
        assert_eq!(of("pending-upgrade"), (4, Some("pending-upgrade".to_owned())));
    }
}
