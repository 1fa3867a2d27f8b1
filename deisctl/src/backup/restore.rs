use std::collections::{BTreeMap, BTreeSet};

use deis_api::Code;
use deis_cli::Failure;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;

use super::archive::Archive;
use super::ledger::{self, LedgerError};
use super::log::Log;
use super::manifest::{Image, LEDGER, Ledger, SECRETS, SETTINGS, registry_path};
use super::registry::{Registry, Upload};
use super::rehearse::{checksums, rewritten};
use super::settings::All;
use super::shell::{PodShell, ShellError};
use super::workloads::{LIMIT, Workloads};
use super::{repositories, secrets, settings};
use crate::deadline::in_time;

/// A restore, in two parts: [`Self::stage`] brings everything into the platform and changes nothing that is in use; [`Self::commit`]
/// puts it in its place, which takes seconds, and is not to be cut short.
pub(crate) struct Restore<'a> {
    pub(crate) archive: &'a Archive,
    pub(crate) client: &'a Client,
    pub(crate) namespace: &'a str,
    /// Tells what it brings from what others bring.
    id: String,
    /// The loaded ledger.
    loaded: String,
}

impl<'a> Restore<'a> {
    pub(crate) async fn new(archive: &'a Archive, client: &'a Client, namespace: &'a str) -> Result<Self, Failure> {
        let id = Timestamp::now().as_millisecond().to_string();
        let restore = Self { archive, client, namespace, loaded: format!("deis_restore_{id}"), id };
        let found = async { restore.database().await.and(restore.builder().await) };
        let installed = |error| Failure::from(error).hint("Install the platform first: `deisctl install`.");
        found.await.map_err(installed)?;
        Ok(restore)
    }

    /// A pod that is ready now: the one of a minute ago may be gone.
    async fn database(&self) -> Result<PodShell, ShellError> {
        PodShell::of("database", self.client, self.namespace).await
    }

    async fn builder(&self) -> Result<PodShell, ShellError> {
        PodShell::of("builder", self.client, self.namespace).await
    }

    /// Refuses what would be lost or could not be read.
    pub(crate) async fn examine(&self, overwrite: bool, log: &mut Log<'_>) -> Result<(), Failure> {
        let backup = &self.archive.manifest;
        if let Some(found) = ledger::in_use(&self.database().await?).await? {
            if found.schema < backup.ledger.schema {
                let message = format!(
                    "the backup is of a newer platform: its ledger is at migration {}, the installed one at {}",
                    backup.ledger.schema, found.schema
                );
                let failure = Failure::new(message).code(Code::FailedPrecondition.as_str());
                return Err(failure.hint(format!("Install version {} first.", backup.version)));
            }
            may_replace(&found, overwrite)?;
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
        let (database, builder) = (self.database().await?, self.builder().await?);
        // What a restore that was killed has left.
        ledger::drop_stale(&database).await?;
        repositories::abandon(&builder, None).await?;
        let loaded = log.step("Ledger", async |_| {
            let dump = self.archive.read(LEDGER).await?;
            ledger::load(&database, &self.loaded, true, dump, &manifest.ledger).await?;
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
                let keep = Some(self.id.as_str());
                let missing = repositories::unbundle(&builder, repository, keep, &commits, bundle).await?;
                notices.extend(rewritten(repository.app.as_str(), &missing));
            }
            Ok(((), manifest.repositories.len().to_string()))
        });
        unbundled.await
    }

    /// Takes back what [`Self::stage`] brought. Images stay: they are in nobody's way.
    pub(crate) async fn abandon(&self) -> Result<(), Failure> {
        let drop = async { ledger::drop_loaded(&self.database().await?, &self.loaded).await };
        let dropped = in_time(LIMIT, "removing the loaded ledger", drop).await;
        let remove = async { repositories::abandon(&self.builder().await?, Some(&self.id)).await };
        in_time(LIMIT, "removing the new repositories", remove).await.and(dropped)
    }

    /// Puts everything in its place. The controller stands still meanwhile and is started again whatever happens; nobody who stops
    /// listening, and no signal, cuts that short.
    pub(crate) async fn commit(&self, overwrite: bool, log: &mut Log<'_>) -> Result<(), Failure> {
        log.unheard = true;
        let workloads = Workloads::new(self.client.clone(), self.namespace);
        let mut changed = false;
        let placed = self.place(&workloads, overwrite, &mut changed, log).await;
        // First of all, before anything is told or waited for.
        let started = in_time(LIMIT, "starting the controller", workloads.start_controller()).await;
        let restarted = if changed { workloads.restart_others().await } else { Ok(()) };
        let started =
            started.map_err(|failure| failure.hint("The controller stands still: `deisctl scale workflow=1`"));
        if let Err(failure) = placed {
            if let Err(failure) = started {
                log.notice(format!("{}; {}", failure.summary(), failure.hints().join(" ")))?;
            }
            return Err(failure.hint(if changed {
                "The restore may not be complete: run it again with --overwrite, it does everything anew."
            } else {
                "Nothing was put in its place: the platform is as it was."
            }));
        }
        let up = async {
            started?;
            restarted?;
            let up = log.step("Starting the controller and the services", async |_| {
                workloads.controller_is_up().await?;
                workloads.others_are_up().await?;
                Ok(((), "done".to_owned()))
            });
            up.await
        };
        up.await.map_err(|failure: Failure| {
            failure.hint("Everything is restored. `deisctl status` shows what does not start, `deisctl doctor` why.")
        })
    }

    /// `changed` tells whether anything that is in use may be another one afterwards.
    async fn place(
        &self,
        workloads: &Workloads,
        overwrite: bool,
        changed: &mut bool,
        log: &mut Log<'_>,
    ) -> Result<(), Failure> {
        let repositories = &self.archive.manifest.repositories;
        let (database, builder) = (self.database().await?, self.builder().await?);
        let platform = workloads.settings().await?;
        let stopped = log.step("Stopping the controller", async |_| {
            workloads.stop_controller().await?;
            Ok(((), "done".to_owned()))
        });
        stopped.await?;
        let swapped = log.step("Putting the ledger in its place", async |_| {
            // Since the platform was examined, others may have made apps; from now on nobody can.
            if let Some(found) = in_time(LIMIT, "reading the ledger", ledger::in_use(&database)).await? {
                may_replace(&found, overwrite)?;
            }
            let staged = repositories::staged(&builder, &self.id, repositories);
            in_time(LIMIT, "looking for the new repositories", staged).await?;
            *changed = true;
            let swap = ledger::swap(&database, &self.loaded);
            let swapped = in_time(LIMIT, "putting the ledger in its place", swap).await;
            if let Err(failure) = &swapped {
                let program = failure.cause::<LedgerError>();
                *changed = !matches!(program, Some(LedgerError::Shell(ShellError::Failed { .. })));
            }
            swapped.map(|()| ((), "done".to_owned()))
        });
        swapped.await?;
        let placed = log.step("Putting repositories and settings in their place", async |notices| {
            let place = repositories::place(&builder, &self.id, repositories);
            let aside = in_time(LIMIT, "putting the repositories in their place", place).await?;
            notices.extend(set_aside(&aside));
            let wanted: All = serde_json::from_slice(&self.archive.text(SETTINGS).await?)?;
            let put_back = settings::put_back(&wanted, self.client, self.namespace);
            in_time(LIMIT, "putting the settings in their place", put_back).await?;
            Ok(((), "done".to_owned()))
        });
        placed.await?;
        let put_back = log.step("Putting the secrets in their place", async |_| {
            let backup: Vec<Secret> = serde_json::from_slice(&self.archive.text(SECRETS).await?)?;
            let put_back = secrets::put_back(backup, self.client, &platform, Timestamp::now());
            let other = in_time(LIMIT, "putting the secrets in their place", put_back).await?;
            Ok(((), if other { "done" } else { "they are the same" }.to_owned()))
        });
        put_back.await
    }
}

/// Refuses to replace a ledger that has apps, unless it is said otherwise.
fn may_replace(found: &Ledger, overwrite: bool) -> Result<(), Failure> {
    if found.apps.is_empty() || overwrite {
        return Ok(());
    }
    let message = format!("the platform has {} apps, which a restore would replace", found.apps.len());
    let failure = Failure::new(message).code(Code::FailedPrecondition.as_str());
    Err(failure.hint("To replace its ledger, repositories and settings by the backup's: --overwrite"))
}

/// Tells which repositories stand aside, by their paths in the builder's pod.
fn set_aside(paths: &[String]) -> Option<String> {
    let parts = paths.iter().filter_map(|path| path.rsplit_once('/'));
    let (folders, apps): (BTreeSet<_>, BTreeSet<_>) = parts.unzip();
    let joined = |names: BTreeSet<&str>, between| names.into_iter().collect::<Vec<_>>().join(between);
    let folders = joined(folders, " ");
    (!folders.is_empty()).then(|| {
        format!(
            "the backup has no repository of {}; those that there were stand aside in {folders}, where nobody can clone them. To \
             remove them: deisctl dock builder -- rm -r {folders}",
            joined(apps, ", ")
        )
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_are_replaced_when_that_is_said() {
        let none = Ledger::default();
        let some = Ledger { apps: vec!["blog".parse().unwrap()], ..Ledger::default() };
        assert!(may_replace(&none, false).is_ok() && may_replace(&some, true).is_ok());
        let refused = may_replace(&some, false).unwrap_err();
        assert_eq!(refused.summary(), "the platform has 1 apps, which a restore would replace");
        assert!(refused.hints().iter().any(|hint| hint.contains("--overwrite")), "{refused:?}");
    }

    #[test]
    fn what_stands_aside_is_told_with_how_to_remove_it() {
        assert!(set_aside(&[]).is_none());
        let paths = ["/data/.before-restore-1/blog", "/data/.before-restore-2/shop", "/data/.before-restore-2/blog"];
        insta::assert_snapshot!(set_aside(&paths.map(str::to_owned)).unwrap(), @"the backup has no repository of blog, shop; those that there were stand aside in /data/.before-restore-1 /data/.before-restore-2, where nobody can clone them. To remove them: deisctl dock builder -- rm -r /data/.before-restore-1 /data/.before-restore-2");
    }
}
