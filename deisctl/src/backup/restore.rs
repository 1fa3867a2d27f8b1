use std::collections::{BTreeMap, BTreeSet};

use deis_api::Code;
use deis_cli::Failure;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;

use super::archive::Archive;
use super::log::Log;
use super::manifest::{Image, LEDGER, SECRETS, SETTINGS, registry_path};
use super::registry::{Registry, Upload};
use super::rehearse::{checksums, rewritten};
use super::settings::All;
use super::shell::PodShell;
use super::workloads::Workloads;
use super::{ledger, repositories, secrets, settings};

/// A restore, in two parts: [`Self::stage`] brings everything into the platform and changes nothing that is in use; [`Self::commit`]
/// puts it in its place, which takes seconds, and is not to be cut short.
pub(crate) struct Restore<'a> {
    pub(crate) archive: &'a Archive,
    pub(crate) client: &'a Client,
    pub(crate) namespace: &'a str,
    database: PodShell,
    builder: PodShell,
    /// The loaded ledger.
    loaded: String,
}

impl<'a> Restore<'a> {
    pub(crate) async fn new(archive: &'a Archive, client: &'a Client, namespace: &'a str) -> Result<Self, Failure> {
        let installed = |failure: Failure| failure.hint("Install the platform first: `deisctl install`.");
        let database = PodShell::of("database", client, namespace).await.map_err(|error| installed(error.into()))?;
        let builder = PodShell::of("builder", client, namespace).await.map_err(|error| installed(error.into()))?;
        let loaded = format!("deis_restore_{}", Timestamp::now().as_millisecond());
        Ok(Self { archive, client, namespace, database, builder, loaded })
    }

    /// Refuses what would be lost or could not be read.
    pub(crate) async fn examine(&self, overwrite: bool, log: &mut Log<'_>) -> Result<(), Failure> {
        let backup = &self.archive.manifest;
        if let Some(found) = ledger::in_use(&self.database).await? {
            if found.schema < backup.ledger.schema {
                let message = format!(
                    "the backup is of a newer platform: its ledger is at migration {}, the installed one at {}",
                    backup.ledger.schema, found.schema
                );
                let failure = Failure::new(message).code(Code::FailedPrecondition.as_str());
                return Err(failure.hint(format!("Install version {} first.", backup.version)));
            }
            if !found.apps.is_empty() && !overwrite {
                let message = format!("the platform has {} apps, which a restore would replace", found.apps.len());
                let failure = Failure::new(message).code(Code::FailedPrecondition.as_str());
                return Err(
                    failure.hint("To replace its ledger, repositories and settings by the backup's: --overwrite")
                );
            }
            let restored = backup.ledger.apps.iter().collect::<BTreeSet<_>>();
            for app in found.apps.iter().filter(|app| !restored.contains(app)) {
                log.notice(format!("{app} is not in the backup: its namespace stays until you delete it"))?;
            }
        }
        checksums(self.archive, log).await
    }

    /// Brings ledger, images and repositories into the platform, beside what is in use.
    pub(crate) async fn stage(&self, log: &mut Log<'_>) -> Result<(), Failure> {
        let manifest = &self.archive.manifest;
        let loaded = log.step("Ledger", async |_| {
            let dump = self.archive.read(LEDGER).await?;
            ledger::load(&self.database, &self.loaded, true, dump, &manifest.ledger).await?;
            Ok(((), format!("{} apps", manifest.ledger.apps.len())))
        });
        loaded.await?;
        let pushed = log.step("Images", async |notices| {
            let registry = Registry::connect(self.client, self.namespace).await?;
            let mut holders = BTreeMap::new();
            for image in &manifest.images {
                push(&registry, self.archive, image, &mut holders, notices).await?;
            }
            Ok(((), manifest.images.len().to_string()))
        });
        pushed.await?;
        let unbundled = log.step("Repositories", async |notices| {
            for repository in &manifest.repositories {
                let bundle = self.archive.read(&repository.path()).await?;
                let commits = manifest.commits(&repository.app);
                let missing = repositories::unbundle(&self.builder, repository, true, &commits, bundle).await?;
                notices.extend(rewritten(repository.app.as_str(), &missing));
            }
            Ok(((), manifest.repositories.len().to_string()))
        });
        unbundled.await
    }

    /// Takes back what [`Self::stage`] brought. Images stay: they are in nobody's way.
    pub(crate) async fn abandon(&self) -> Result<(), Failure> {
        let dropped = ledger::drop_loaded(&self.database, &self.loaded).await;
        repositories::abandon(&self.builder).await?;
        Ok(dropped?)
    }

    /// Puts everything in its place. The controller stands still meanwhile and comes back whatever happens.
    pub(crate) async fn commit(&self, log: &mut Log<'_>) -> Result<(), Failure> {
        let workloads = Workloads::new(self.client.clone(), self.namespace);
        let platform = workloads.settings().await?;
        let stopped = log.step("Stopping the controller", async |_| {
            workloads.stop_controller().await?;
            Ok(((), "done".to_owned()))
        });
        let placed = match stopped.await {
            Ok(()) => self.place(&workloads, &platform, log).await,
            Err(failure) => Err(failure),
        };
        let started = log.step("Starting the controller", async |_| {
            workloads.start_controller().await?;
            if placed.is_ok() {
                workloads.controller_is_up().await?;
            }
            Ok(((), "done".to_owned()))
        });
        let started = started.await;
        placed.and(started)
    }

    async fn place(
        &self,
        workloads: &Workloads,
        platform: &crate::init::Settings,
        log: &mut Log<'_>,
    ) -> Result<(), Failure> {
        let placed = log.step("Putting ledger, repositories and settings in their place", async |_| {
            let wanted: All = serde_json::from_slice(&self.archive.text(SETTINGS).await?)?;
            settings::put_back(&wanted, self.client, self.namespace).await?;
            repositories::place(&self.builder).await?;
            ledger::swap(&self.database, &self.loaded).await?;
            Ok(((), "done".to_owned()))
        });
        placed.await?;
        let put_back = log.step("Putting the secrets in their place", async |_| {
            let backup: Vec<Secret> = serde_json::from_slice(&self.archive.text(SECRETS).await?)?;
            let changed = secrets::put_back(backup, self.client, platform, Timestamp::now()).await?;
            Ok((changed, if changed { "done" } else { "they are the same" }.to_owned()))
        });
        if put_back.await? {
            let restarted = log.step("Starting the services with them", async |_| {
                workloads.restart_others().await?;
                Ok(((), "done".to_owned()))
            });
            restarted.await?;
        }
        Ok(())
    }
}

/// Sends one image: what the registry lacks of its blobs, then its manifest. `holders` knows a repository for each blob that is there.
pub(super) async fn push<'a>(
    registry: &Registry,
    archive: &'a Archive,
    image: &'a Image,
    holders: &mut BTreeMap<&'a str, &'a str>,
    notices: &mut Vec<String>,
) -> Result<(), Failure> {
    let files = &archive.manifest.files;
    for digest in &image.blobs {
        let path = registry_path("blobs", digest);
        let Some(file) = files.get(&path) else {
            notices
                .push(format!("{}@{} is not restored: it is not whole in the backup", image.repository, image.digest));
            return Ok(());
        };
        let holder = holders.get(digest.as_str()).copied();
        if let Upload::Wanted(location) = registry.offer(&image.repository, digest, holder).await? {
            registry.send_blob(&location, digest, file.size, archive.read(&path).await?).await?;
        }
        holders.insert(digest, &image.repository);
    }
    let manifest = archive.text(&registry_path("manifests", &image.digest)).await?;
    registry.send_manifest(image, manifest).await?;
    Ok(())
}
