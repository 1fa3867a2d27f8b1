use deis_cli::Failure;
use jiff::Timestamp;
use kube::Client;

use super::archive::{Archive, ArchiveError};
use super::log::Log;
use super::manifest::{LEDGER, SECRETS, SETTINGS};
use super::settings::All;
use super::shell::PodShell;
use super::{ledger, repositories};

/// Reads a backup as a restore does and puts nothing in its place: all that it makes in the platform is gone when it ends.
pub(crate) async fn rehearse(
    archive: &Archive,
    client: &Client,
    namespace: &str,
    log: &mut Log<'_>,
) -> Result<(), Failure> {
    let manifest = &archive.manifest;
    checksums(archive, log).await?;
    let database = PodShell::of("database", client, namespace).await?;
    let loaded = log.step("Loading the ledger beside the one in use", async |_| {
        let name = format!("deis_verify_{}", Timestamp::now().as_millisecond());
        ledger::load(&database, &name, false, archive.read(LEDGER).await?, &manifest.ledger).await?;
        Ok(((), format!("{} rows", manifest.ledger.rows.values().sum::<u64>())))
    });
    loaded.await?;
    let builder = PodShell::of("builder", client, namespace).await?;
    let unbundled = log.step("Making the repositories beside those in use", async |notices| {
        for repository in &manifest.repositories {
            let bundle = archive.read(&repository.path()).await?;
            let commits = manifest.commits(&repository.app);
            let missing = repositories::unbundle(&builder, repository, None, &commits, bundle).await?;
            notices.extend(rewritten(repository.app.as_str(), &missing));
        }
        Ok(((), manifest.repositories.len().to_string()))
    });
    unbundled.await
}

/// Reads every file, and those that are documents as such.
pub(super) async fn checksums(archive: &Archive, log: &mut Log<'_>) -> Result<(), Failure> {
    let checked = log.step("Checksums", async |notices| {
        archive.check().await.map_err(ArchiveError::told)?;
        let _settings: All = serde_json::from_slice(&archive.text(SETTINGS).await?)?;
        let _secrets: Vec<k8s_openapi::api::core::v1::Secret> = serde_json::from_slice(&archive.text(SECRETS).await?)?;
        let missing = archive.manifest.missing();
        notices.extend(missing.into_iter().map(|(app, what)| format!("the backup does not have {what} of {app}")));
        Ok(((), format!("{} files", archive.manifest.files.len())))
    });
    checked.await
}

/// Commits that no branch leads to: a push was under way, or a later one has replaced them. Their images are there.
pub(super) fn rewritten(app: &str, missing: &[String]) -> Option<String> {
    let count = missing.len();
    (count > 0).then(|| format!("no branch of {app} leads to {count} of the commits that its releases were built from"))
}
