use std::collections::BTreeSet;
use std::io::Cursor;

use deis_cli::Failure;
use jiff::Timestamp;
use kube::Client;

use super::archive::Writer;
use super::log::{Log, Size};
use super::manifest::{FORMAT, Image, LEDGER, Manifest, SECRETS, SETTINGS, registry_path};
use super::registry::Registry;
use super::shell::{PodShell, Reader};
use super::{ledger, repositories, secrets, settings};

/// Writes a backup. Gives its manifest, and what releases of apps need and the platform itself does not have.
pub(crate) async fn make(
    mut writer: Writer,
    created: Timestamp,
    client: &Client,
    namespace: &str,
    log: &mut Log<'_>,
) -> Result<(Manifest, Vec<String>), Failure> {
    let database = PodShell::of("database", client, namespace).await?;
    let builder = PodShell::of("builder", client, namespace).await?;
    let registry = Registry::connect(client, namespace).await?;

    let ledger = log.step("Ledger", async |_| {
        let dumped = ledger::dump(&database, async |dump: Reader| {
            let size = writer.write(LEDGER, dump).await?.size;
            Ok::<_, Failure>(size)
        });
        let (ledger, size) = dumped.await?;
        let said = format!("{} apps, {}", ledger.apps.len(), Size(size));
        Ok((ledger, said))
    });
    let ledger = ledger.await?;

    let kept = log.step("Settings and secrets", async |_| {
        let all = settings::read(client, namespace).await?;
        writer.write(SETTINGS, Cursor::new(serde_json::to_vec_pretty(&all)?)).await?;
        let identity = secrets::read(client, namespace).await?;
        writer.write(SECRETS, Cursor::new(serde_json::to_vec_pretty(&identity)?)).await?;
        let count = all.values().map(|settings| settings.len()).sum::<usize>();
        Ok(((), format!("{count} settings, {} secrets", identity.len())))
    });
    kept.await?;

    let repositories = log.step("Repositories", async |notices| {
        let (mut kept, mut size) = (Vec::new(), 0);
        for repository in repositories::list(&builder).await? {
            let path = repository.path();
            let bundled = repositories::bundle(&builder, &repository, async |bundle| {
                Ok::<_, Failure>(writer.write(&path, bundle).await?.size)
            });
            if let Some(written) = bundled.await? {
                size += written;
                kept.push(repository);
            } else {
                writer.forget(&path).await?;
                notices.push(format!("the repository of {} was removed meanwhile", repository.app));
            }
        }
        let said = format!("{}, {}", kept.len(), Size(size));
        Ok((kept, said))
    });
    let repositories = repositories.await?;

    let images = log.step("Images", async |notices| {
        let before = writer.size();
        let mut images = Vec::new();
        for repository in registry.repositories().await? {
            for tag in registry.tags(&repository).await? {
                images.extend(image(&registry, &repository, &tag, &mut writer, notices).await?);
            }
        }
        let said = format!("{}, {}", images.len(), Size(writer.size() - before));
        Ok((images, said))
    });
    let images = images.await?;

    let version = env!("CARGO_PKG_VERSION").to_owned();
    let files = writer.files().clone();
    let namespace = namespace.to_owned();
    let manifest = Manifest { format: FORMAT, created, version, namespace, ledger, repositories, images, files };
    // What is missing of an app that is no more was removed with it.
    let alive = ledger::in_use(&database).await?.map(|ledger| ledger.apps).unwrap_or_default();
    let (mut lost, mut gone) = (Vec::new(), BTreeSet::new());
    for (app, what) in manifest.missing() {
        if alive.iter().any(|alive| alive.as_str() == app) {
            lost.push(format!("{app} has lost {what}"));
        } else {
            gone.insert(format!("{app} was destroyed during the backup, which has not all of it"));
        }
    }
    for notice in lost.iter().cloned().chain(gone) {
        log.notice(notice)?;
    }
    Ok((writer.finish(manifest).await?, lost))
}

/// One image with all that it leads to, manifests before what leads to them.
pub(super) async fn image(
    registry: &Registry,
    repository: &str,
    tag: &str,
    writer: &mut Writer,
    notices: &mut Vec<String>,
) -> Result<Vec<Image>, Failure> {
    let (mut found, mut wanted) = (Vec::new(), vec![tag.to_owned()]);
    while let Some(reference) = wanted.pop() {
        let Some((image, bytes)) = registry.manifest(repository, &reference).await? else {
            notices.push(format!("{repository}:{reference} is not in the registry"));
            continue;
        };
        for digest in &image.blobs {
            let path = registry_path("blobs", digest);
            if writer.has(&path) {
                continue;
            }
            let Some(blob) = registry.blob(repository, digest).await? else {
                notices.push(format!("{digest} of {repository}:{reference} is not in the registry"));
                continue;
            };
            let written = format!("sha256:{}", writer.write(&path, blob).await?.sha256);
            if written != *digest {
                writer.forget(&path).await?;
                notices.push(format!("{digest} of {repository}:{reference} is damaged in the registry"));
            }
        }
        writer.write(&registry_path("manifests", &image.digest), Cursor::new(bytes)).await?;
        wanted.extend(image.manifests.iter().cloned());
        found.push(image);
    }
    found.reverse();
    Ok(found)
}
