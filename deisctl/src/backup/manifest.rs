//! What is in a backup: `manifest.json`, which is written last and without which a backup is none.

use std::collections::BTreeMap;

use deis_api::AppName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Raised when an older deisctl would misread what is written.
pub(crate) const FORMAT: u32 = 1;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) created: Timestamp,
    /// Of the deisctl that wrote it.
    pub(crate) version: String,
    pub(crate) namespace: String,
    pub(crate) ledger: Ledger,
    pub(crate) repositories: Vec<Repository>,
    pub(crate) images: Vec<Image>,
    /// Path below the backup's folder to what is there. All files but this one.
    pub(crate) files: BTreeMap<String, File>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct File {
    pub(crate) size: u64,
    /// Hexadecimal.
    pub(crate) sha256: String,
}

/// What is in the ledger at the moment of its dump.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Ledger {
    /// Version of the server.
    pub(crate) postgresql: String,
    /// Its newest migration.
    pub(crate) schema: i64,
    /// Table to number of rows.
    pub(crate) rows: BTreeMap<String, u64>,
    pub(crate) apps: Vec<AppName>,
    /// What releases run.
    pub(crate) builds: Vec<Build>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Build {
    pub(crate) app: AppName,
    /// `127.0.0.1:5555/{app}@sha256:…`.
    pub(crate) image: String,
    /// Empty for an image that was built elsewhere.
    pub(crate) sha: String,
}

impl Build {
    /// Repository and digest of an image in the platform's registry.
    pub(crate) fn stored_image(&self) -> Option<(&str, &str)> {
        let (name, digest) = self.image.split_once('@')?;
        let (_host, repository) = name.split_once('/')?;
        Some((repository, digest))
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Repository {
    pub(crate) app: AppName,
    /// The branch that a clone begins with: `refs/heads/master`.
    pub(crate) head: String,
}

impl Repository {
    pub(crate) fn path(&self) -> String {
        format!("repositories/{}.bundle", self.app)
    }
}

/// A manifest in the registry.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Image {
    pub(crate) repository: String,
    /// `None` for one that only an index of several leads to.
    pub(crate) tag: Option<String>,
    pub(crate) digest: String,
    pub(crate) media_type: String,
    /// Digests of its config and layers.
    pub(crate) blobs: Vec<String>,
    /// Digests of the manifests that it leads to.
    pub(crate) manifests: Vec<String>,
}

pub(crate) const LEDGER: &str = "ledger.dump";
pub(crate) const SETTINGS: &str = "settings.json";
pub(crate) const SECRETS: &str = "secrets.json";

/// Where a blob or manifest of the registry stands: `registry/blobs/{hexadecimal}`.
pub(crate) fn registry_path(kind: &str, digest: &str) -> String {
    format!("registry/{kind}/{}", digest.strip_prefix("sha256:").unwrap_or(digest))
}

impl Manifest {
    /// What an app's releases need and is not here, by the app.
    pub(crate) fn missing(&self) -> Vec<(&str, String)> {
        let mut missing = Vec::new();
        for build in &self.ledger.builds {
            let Some((repository, digest)) = build.stored_image() else { continue };
            let found = self.images.iter().any(|image| image.repository == repository && image.digest == digest);
            if !found {
                missing.push((build.app.as_str(), format!("image {digest}")));
            }
        }
        for image in &self.images {
            let blobs = image.blobs.iter().map(|digest| registry_path("blobs", digest));
            for path in blobs.chain([registry_path("manifests", &image.digest)]) {
                if !self.files.contains_key(&path) {
                    missing.push((image.repository.as_str(), format!("{path} of image {}", image.digest)));
                }
            }
        }
        for app in &self.ledger.apps {
            let pushed = self.ledger.builds.iter().any(|build| build.app == *app && !build.sha.is_empty());
            if pushed && !self.repositories.iter().any(|repository| repository.app == *app) {
                missing.push((app.as_str(), "the git repository".to_owned()));
            }
        }
        missing
    }

    /// The commits that releases of an app were built from.
    pub(crate) fn commits(&self, app: &AppName) -> Vec<&str> {
        let builds = self.ledger.builds.iter().filter(|build| build.app == *app && !build.sha.is_empty());
        let mut commits = builds.map(|build| build.sha.as_str()).collect::<Vec<_>>();
        commits.dedup();
        commits
    }

    pub(crate) fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A manifest of one app with one release and no files.
    pub(in crate::backup) fn example() -> Manifest {
        let app: AppName = "blog".parse().unwrap();
        let build = Build {
            app: app.clone(),
            image: "127.0.0.1:5555/blog@sha256:aa".to_owned(),
            sha: "0123456789012345678901234567890123456789".to_owned(),
        };
        Manifest {
            format: FORMAT,
            created: "2026-11-28T15:00:00Z".parse().unwrap(),
            version: "0.1.0".to_owned(),
            namespace: "deis".to_owned(),
            ledger: Ledger { apps: vec![app.clone()], builds: vec![build], ..Ledger::default() },
            repositories: vec![Repository { app, head: "refs/heads/master".to_owned() }],
            images: vec![Image {
                repository: "blog".to_owned(),
                tag: Some("aa".to_owned()),
                digest: "sha256:aa".to_owned(),
                media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
                blobs: vec!["sha256:bb".to_owned()],
                manifests: Vec::new(),
            }],
            files: ["registry/manifests/aa", "registry/blobs/bb"]
                .map(|path| (path.to_owned(), File { size: 1, sha256: String::new() }))
                .into(),
        }
    }

    #[test]
    fn a_release_finds_its_image_its_layers_and_its_repository() {
        let whole = example();
        assert!(whole.missing().is_empty());
        let without = |change: fn(&mut Manifest)| {
            let mut manifest = example();
            change(&mut manifest);
            manifest.missing().iter().map(|(app, what)| format!("{app}: {what}")).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(without(|manifest| manifest.images.clear()), "blog: image sha256:aa");
        assert_eq!(
            without(|manifest| drop(manifest.files.remove("registry/blobs/bb"))),
            "blog: registry/blobs/bb of image sha256:aa"
        );
        assert_eq!(without(|manifest| manifest.repositories.clear()), "blog: the git repository");
    }
}
