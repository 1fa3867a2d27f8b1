use std::collections::{BTreeMap, BTreeSet};

use deis_api::{AppName, ProcType, ReleaseVersion};
use deis_kube::objects::Routing;
use secrecy::SecretString;
use sqlx::types::Json;

use super::apps::{delete, set_autoscaled};
use super::{Row, SqlLedger, Transaction, note, now, rows};
use crate::deploy::failure::Failure;
use crate::deploy::goal::ReleasePhase;
use crate::deploy::{Assignment, Grant};
use crate::error::Error;
use crate::images;
use crate::ledger::{Answer, Autoscales, Change, Deploys, ReleaseState, Structure};

impl Deploys for SqlLedger {
    fn fence<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<i64>> {
        Box::pin(async move {
            let row = self.database.query("SELECT fence FROM apps WHERE id = $1").bind(app.as_str());
            Ok(row.fetch_optional().await?.map(|row| row.try_get("fence")).transpose()?)
        })
    }

    fn begin_deploy<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<Grant>> {
        Box::pin(async move {
            // In a transaction, whose end is told: SQLite's driver does not say when a statement of its own could not be committed.
            let mut tx = self.database.begin().await?;
            let row = tx.query("UPDATE apps SET fence = fence + 1 WHERE id = $1 RETURNING fence").bind(app.as_str());
            let Some(row) = row.fetch_optional().await? else { return Ok(None) };
            let grant = Grant { app: app.clone(), fence: row.try_get("fence")? };
            tx.commit().await?;
            Ok(Some(grant))
        })
    }

    fn desired<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<Assignment>> {
        Box::pin(async move { self.wanted(app, None, false).await })
    }

    fn deployed_release<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<Assignment>> {
        Box::pin(async move { self.wanted(app, None, true).await })
    }

    fn assignment<'a>(&'a self, grant: &'a Grant) -> Answer<'a, Option<Assignment>> {
        Box::pin(async move { self.wanted(&grant.app, Some(grant.fence), false).await })
    }

    fn phase_done<'a>(&'a self, grant: &'a Grant, release: ReleaseVersion) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            if !hold(&mut tx, grant).await? {
                return Ok(false);
            }
            let done = tx.query("UPDATE releases SET phase_done = true WHERE app = $1 AND version = $2");
            done.bind(grant.app.as_str()).bind(release.get()).execute().await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    fn hold_count<'a>(&'a self, grant: &'a Grant, kind: &'a ProcType, count: Option<u32>) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let Some(Scaling { mut structure, mut autoscaled, .. }) = scaling(&mut tx, grant).await? else {
                return Ok(false);
            };
            if autoscaled.remove(kind).is_some() {
                if let Some(count) = count {
                    structure.insert(kind.clone(), count);
                }
                let held = tx.query("UPDATE apps SET structure = $2, autoscaled = $3 WHERE id = $1");
                let held = held.bind(grant.app.as_str()).bind(Json(&structure));
                held.bind(Json(&autoscaled)).execute().await?;
            }
            tx.commit().await?;
            Ok(true)
        })
    }

    fn entrust_count<'a>(
        &'a self,
        grant: &'a Grant,
        release: ReleaseVersion,
        kind: &'a ProcType,
        asked: u32,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let Some(Scaling { structure, autoscale, mut autoscaled, desired }) = scaling(&mut tx, grant).await? else {
                return Ok(false);
            };
            let is_wanted = desired == release && structure.get(kind) == Some(&asked) && autoscale.contains_key(kind);
            if is_wanted {
                autoscaled.insert(kind.clone(), release);
                set_autoscaled(&mut tx, &grant.app, &autoscaled).await?;
            }
            tx.commit().await?;
            Ok(true)
        })
    }

    fn deployed<'a>(&'a self, grant: &'a Grant, release: ReleaseVersion) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            if !hold(&mut tx, grant).await? {
                return Ok(false);
            }
            let done = tx.query("UPDATE releases SET state = 'good', updated = $3 WHERE app = $1 AND version = $2");
            done.bind(grant.app.as_str()).bind(release.get()).bind(now()).execute().await?;
            forget_replicas(&mut tx, &grant.app, release).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    fn failed<'a>(
        &'a self,
        grant: &'a Grant,
        release: ReleaseVersion,
        failure: &'a Failure,
        log_tail: &'a [String],
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            if !hold(&mut tx, grant).await? {
                return Ok(false);
            }
            let failed = tx.query(
                "UPDATE releases
                 SET state = 'failed', summary = summary_if_failed, failure_code = $3, exception = $4, log_tail = $5,
                     updated = $6
                 WHERE app = $1 AND version = $2",
            );
            let failed = failed.bind(grant.app.as_str()).bind(release.get()).bind(failure.code.as_str());
            failed.bind(&failure.message).bind(Json(log_tail)).bind(now()).execute().await?;
            let back = tx.query(
                "UPDATE apps SET updated = $2, desired_release =
                     (SELECT max(version) FROM releases WHERE app = $1 AND state = 'good')
                 WHERE id = $1",
            );
            back.bind(grant.app.as_str()).bind(now()).execute().await?;
            note(&mut tx, Change::failed(&grant.app, release, failure.code, &failure.message)).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    fn spare<'a>(&'a self, grant: &'a Grant, pod_uids: &'a BTreeSet<String>) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            if !hold(&mut tx, grant).await? {
                return Ok(false);
            }
            for pod_uid in pod_uids {
                let spared = tx.query("DELETE FROM restarts WHERE app = $1 AND pod_uid = $2");
                spared.bind(grant.app.as_str()).bind(pod_uid).execute().await?;
            }
            tx.commit().await?;
            Ok(true)
        })
    }

    fn forget<'a>(&'a self, grant: &'a Grant) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            if !hold(&mut tx, grant).await? {
                return Ok(false);
            }
            delete(&mut tx, &grant.app).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    fn unsettled(&self) -> Answer<'_, Vec<AppName>> {
        Box::pin(async move {
            let found = self.database.query(
                "SELECT id FROM apps WHERE intent <> settled
                 UNION SELECT app FROM releases WHERE state = 'deploying' ORDER BY 1",
            );
            found.fetch_all().await?.iter().map(|row| rows::parsed(row, "id")).collect()
        })
    }

    fn settled<'a>(&'a self, grant: &'a Grant, intent: i64) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let row = tx.query("UPDATE apps SET settled = $3 WHERE id = $1 AND fence = $2 RETURNING intent");
            let row = row.bind(grant.app.as_str()).bind(grant.fence).bind(intent).fetch_optional().await?;
            let Some(row) = row else { return Ok(false) };
            if row.try_get::<i64>("intent")? == intent {
                tx.query("DELETE FROM restarts WHERE app = $1").bind(grant.app.as_str()).execute().await?;
            }
            tx.commit().await?;
            Ok(true)
        })
    }
}

impl SqlLedger {
    async fn wanted(&self, app: &AppName, fence: Option<i64>, is_good: bool) -> Result<Option<Assignment>, Error> {
        // One statement, so that structure, release and config belong together.
        let row = self.database.query(
            "SELECT releases.*, apps.structure, apps.intent, apps.settled, apps.destroying, apps.allow_root,
                    apps.autoscale, apps.autoscaled, apps.rules,
                    configs.entries, configs.memory, configs.cpu, configs.tags, configs.healthcheck,
                    configs.post_start, configs.pre_stop, configs.grace_periods,
                    (SELECT string_agg(domain, ' ') FROM domains WHERE app = apps.id) AS domains,
                    (SELECT string_agg(domain || ' ' || digest, ' ') FROM domains JOIN certs ON certs.id = certificate
                     WHERE app = apps.id) AS certificates,
                    (SELECT string_agg(pod_uid, ' ') FROM restarts WHERE app = apps.id) AS restarting,
                    builds.image, coalesce(builds.sha, '') AS sha, builds.procfile, builds.pulled
             FROM apps
             JOIN releases ON releases.app = apps.id AND releases.version =
                 CASE WHEN $3 THEN (SELECT max(version) FROM releases WHERE app = apps.id AND state = 'good')
                 ELSE apps.desired_release END
             JOIN configs ON configs.uuid = releases.config
             LEFT JOIN builds ON builds.uuid = releases.build
             WHERE apps.id = $1 AND (CAST($2 AS bigint) IS NULL OR apps.fence = $2)",
        );
        let row = row.bind(app.as_str()).bind(fence).bind(is_good).fetch_optional().await?;
        row.map(|row| assignment(app, &row)).transpose()
    }
}

/// Locks the app's row if the grant is still the newest: nobody takes over until the transaction ends.
async fn hold(tx: &mut Transaction, grant: &Grant) -> Result<bool, Error> {
    let row = tx.query_for_update("SELECT 1 FROM apps WHERE id = $1 AND fence = $2");
    Ok(row.bind(grant.app.as_str()).bind(grant.fence).fetch_optional().await?.is_some())
}

/// How an app is scaled.
struct Scaling {
    structure: Structure,
    autoscale: Autoscales,
    autoscaled: BTreeMap<ProcType, ReleaseVersion>,
    desired: ReleaseVersion,
}

/// How an app is scaled, if the grant is still the newest; its row is locked until the transaction ends.
async fn scaling(tx: &mut Transaction, grant: &Grant) -> Result<Option<Scaling>, Error> {
    let row = tx.query_for_update(
        "SELECT structure, autoscale, autoscaled, desired_release FROM apps WHERE id = $1 AND fence = $2",
    );
    let row = row.bind(grant.app.as_str()).bind(grant.fence).fetch_optional().await?;
    let scaling = |row: Row| {
        Ok(Scaling {
            structure: rows::structure(&row)?,
            autoscale: rows::autoscale(&row)?,
            autoscaled: rows::autoscaled(&row)?,
            desired: rows::version(&row, "desired_release")?,
        })
    };
    row.map(scaling).transpose()
}

/// Forgets the replicas of process types that the release has not.
async fn forget_replicas(tx: &mut Transaction, app: &AppName, release: ReleaseVersion) -> Result<(), Error> {
    let row = tx.query(
        "SELECT apps.structure, builds.procfile, builds.pulled FROM apps
         JOIN releases ON releases.app = apps.id JOIN builds ON builds.uuid = releases.build
         WHERE apps.id = $1 AND releases.version = $2",
    );
    let Some(row) = row.bind(app.as_str()).bind(release.get()).fetch_optional().await? else { return Ok(()) };
    let kinds = images::kinds(&rows::procfile(&row)?, rows::pulled(&row)?.is_some()).collect::<BTreeSet<_>>();
    let mut structure = rows::structure(&row)?;
    structure.retain(|kind, _| kinds.contains(kind));
    let kept = tx.query("UPDATE apps SET structure = $2 WHERE id = $1").bind(app.as_str());
    kept.bind(Json(&structure)).execute().await?;
    Ok(())
}

fn assignment(app: &AppName, row: &Row) -> Result<Assignment, Error> {
    let release = rows::release(row)?;
    let structure = rows::structure(row)?;
    let procfile = rows::procfile(row)?;
    let phase = match (procfile.contains_key(&ProcType::release()), row.try_get("phase_done")?) {
        (false, _) => ReleasePhase::None,
        (true, false) => ReleasePhase::ToRun,
        (true, true) => ReleasePhase::Done,
    };
    let pulled = rows::pulled(row)?;
    let kinds = images::kinds(&procfile, pulled.is_some());
    let processes = kinds.map(|kind| (kind.clone(), structure.get(&kind).copied().unwrap_or(0))).collect();
    let entries = row.try_get::<Json<BTreeMap<String, String>>>("entries")?.0;
    let (intent, settled) = (row.try_get::<i64>("intent")?, row.try_get::<i64>("settled")?);
    Ok(Assignment {
        app: app.clone(),
        routing: Routing {
            domains: rows::names(row, "domains")?,
            certificates: rows::certificates(row)?,
            rules: rows::rules(row)?,
        },
        allow_root: row.try_get("allow_root")?,
        destroying: row.try_get::<Option<i64>>("destroying")?.is_some(),
        restarting: rows::words(row, "restarting")?.into_iter().collect(),
        unsettled: (intent != settled).then_some(intent),
        release: release.version,
        deploying: release.state == ReleaseState::Deploying,
        image: row.try_get("image")?,
        sha: row.try_get::<String>("sha")?.parse().ok(),
        phase,
        processes,
        autoscale: rows::autoscale(row)?,
        autoscaled: rows::autoscaled(row)?,
        procfile,
        pulled,
        shape: rows::shape(row)?,
        values: entries.into_iter().map(|(key, value)| (key, SecretString::from(value))).collect(),
        summary: release.summary,
        created: release.created,
    })
}
