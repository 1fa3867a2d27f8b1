use deis_api::{AppName, ReleaseVersion};
use sqlx::types::Json;
use uuid::Uuid;

use super::apps::{APP, set_structure};
use super::builds::insert_build;
use super::{SqlLedger, Statement, Transaction, note, now, rows};
use crate::configs::Settings;
use crate::error::{Error, Kind};
use crate::ledger::releases::ConfigDraft;
use crate::ledger::{
    Answer, Build, BuildDraft, Change, Config, Decide, Draft, Ground, Listed, Made, Release, Released, Releases,
    RequestKey, Snapshot, Target, Window,
};

impl Releases for SqlLedger {
    fn release<'a>(
        &'a self,
        app: &'a AppName,
        key: &'a RequestKey,
        target: Target,
        decide: Decide<'a>,
    ) -> Answer<'a, Released> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            // The ground locks the app's row: whoever comes second sees what the first has made.
            let ground = ground(&mut tx, app, target).await?.ok_or(Error::Missing(Kind::App))?;
            if let Some(released) = made_by(&mut tx, app, key).await? {
                return Ok(released);
            }
            ground.app.check_stays()?;
            if is_deploying(&mut tx, app).await? {
                return Err(Error::DeployInProgress(app.clone()));
            }
            let draft = decide(&ground)?;
            let released = record(&mut tx, app, key, &draft).await?;
            if draft.structure != ground.app.structure {
                set_structure(&mut tx, app, &draft.structure).await?;
            }
            let build = build(&mut tx, released.release.build).await?;
            note(&mut tx, Change::release(app, &ground, &released, build.as_ref())).await?;
            self.commit.before();
            tx.commit().await?;
            self.commit.after();
            Ok(released)
        })
    }

    fn made_by<'a>(&'a self, app: &'a AppName, key: &'a RequestKey) -> Answer<'a, Option<Released>> {
        Box::pin(async move { made_by(&mut self.database.begin().await?, app, key).await })
    }

    fn ground<'a>(&'a self, app: &'a AppName) -> Answer<'a, Ground> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            ground(&mut tx, app, Target::None).await?.ok_or(Error::Missing(Kind::App))
        })
    }

    fn releases<'a>(&'a self, app: &'a AppName, window: Window) -> Answer<'a, Listed<Release>> {
        Box::pin(async move {
            let total = self.database.query("SELECT count(*) AS total FROM releases WHERE app = $1").bind(app.as_str());
            let total = total.fetch_one().await?.try_get("total")?;
            let found =
                self.database.query("SELECT * FROM releases WHERE app = $1 ORDER BY version DESC LIMIT $2 OFFSET $3");
            let found = found.bind(app.as_str()).bind(window.limit).bind(window.offset).fetch_all().await?;
            Ok(Listed { total, items: found.iter().map(rows::release).collect::<Result<_, _>>()? })
        })
    }

    fn release_at<'a>(&'a self, app: &'a AppName, version: ReleaseVersion) -> Answer<'a, Option<Release>> {
        Box::pin(async move { release_at(self.database.query(RELEASE_AT), app, version).await })
    }

    fn snapshot_at<'a>(&'a self, app: &'a AppName, version: ReleaseVersion) -> Answer<'a, Option<Snapshot>> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let Some(release) = release_at(tx.query(RELEASE_AT), app, version).await? else { return Ok(None) };
            let (config, build) = (config(&mut tx, release.config).await?, build(&mut tx, release.build).await?);
            Ok(Some(Snapshot { release, config, build }))
        })
    }
}

/// Reads what a decision is made from, and locks the app until the transaction ends.
pub(super) async fn ground(tx: &mut Transaction, app: &AppName, target: Target) -> Result<Option<Ground>, Error> {
    let row = tx.query_for_update(APP);
    let Some(row) = row.bind(app.as_str()).fetch_optional().await? else { return Ok(None) };
    let latest = tx.query("SELECT * FROM releases WHERE app = $1 AND state <> 'failed' ORDER BY version DESC LIMIT 1");
    let latest = rows::release(&latest.bind(app.as_str()).fetch_one().await?)?;
    let config = config(tx, latest.config).await?;
    let build = build(tx, latest.build).await?;
    let wanted = match target {
        Target::None => None,
        Target::Previous => ReleaseVersion::try_from(latest.version.get().saturating_sub(1)).ok(),
        Target::Version(version) => Some(version),
    };
    let target = match wanted {
        Some(version) => release_at(tx.query(RELEASE_AT), app, version).await?,
        None => None,
    };
    let target_build = self::build(tx, target.as_ref().and_then(|target| target.build)).await?;
    Ok(Some(Ground { app: rows::app(&row)?, latest, config, build, target, target_build }))
}

async fn made_by(tx: &mut Transaction, app: &AppName, key: &RequestKey) -> Result<Option<Released>, Error> {
    let row = tx.query(
        "SELECT releases.* FROM requests JOIN releases USING (app, version)
         WHERE requests.app = $1 AND requests.key = $2",
    );
    let Some(row) = row.bind(app.as_str()).bind(key.as_str()).fetch_optional().await? else { return Ok(None) };
    let release = rows::release(&row)?;
    let config = config(tx, release.config).await?;
    Ok(Some(Released { release, config, made: Made::default() }))
}

pub(super) async fn is_deploying(tx: &mut Transaction, app: &AppName) -> Result<bool, Error> {
    let row = tx.query("SELECT EXISTS (SELECT 1 FROM releases WHERE app = $1 AND state = 'deploying') AS found");
    Ok(row.bind(app.as_str()).fetch_one().await?.try_get("found")?)
}

/// Writes the next release with what is new in it, and makes it the desired one.
async fn record(tx: &mut Transaction, app: &AppName, key: &RequestKey, draft: &Draft) -> Result<Released, Error> {
    let config_uuid = match &draft.config {
        ConfigDraft::New(settings) => insert_config(tx, app, draft, settings).await?,
        ConfigDraft::Keep(uuid) => *uuid,
    };
    let build_uuid = match &draft.build {
        BuildDraft::New(build) => Some(insert_build(tx, app, draft, build).await?),
        BuildDraft::Keep(uuid) => *uuid,
    };
    let row = tx.query(
        "INSERT INTO releases
             (uuid, app, version, owner, summary, summary_if_failed, state, config, build, created, updated)
         SELECT $1, $2, max(version) + 1, $3, $4, $5, $6, $7, $8, $9, $9 FROM releases WHERE app = $2
         RETURNING *",
    );
    let state = if build_uuid.is_some() { "deploying" } else { "good" };
    let row = row.bind(Uuid::new_v4()).bind(app.as_str()).bind(draft.owner.as_str()).bind(&draft.summary);
    let row = row.bind(&draft.summary_if_failed).bind(state).bind(config_uuid).bind(build_uuid).bind(now());
    let release = rows::release(&row.fetch_one().await?)?;

    tx.query("INSERT INTO requests (app, key, version, created) VALUES ($1, $2, $3, $4)")
        .bind(app.as_str())
        .bind(key.as_str())
        .bind(release.version.get())
        .bind(now())
        .execute()
        .await?;
    tx.query("UPDATE apps SET desired_release = $2, updated = $3 WHERE id = $1")
        .bind(app.as_str())
        .bind(release.version.get())
        .bind(now())
        .execute()
        .await?;
    let config = config(tx, release.config).await?;
    let made = Made {
        release: true,
        build: matches!(draft.build, BuildDraft::New(_)),
        config: matches!(draft.config, ConfigDraft::New(_)),
    };
    Ok(Released { release, config, made })
}

async fn insert_config(tx: &mut Transaction, app: &AppName, draft: &Draft, settings: &Settings) -> Result<Uuid, Error> {
    let uuid = Uuid::new_v4();
    let Settings { values, registry, shape } = settings;
    tx.query(
        "INSERT INTO configs (uuid, app, owner, entries, registry, memory, cpu, tags, healthcheck, created,
                              post_start, pre_stop, grace_periods)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(uuid)
    .bind(app.as_str())
    .bind(draft.owner.as_str())
    .bind(rows::entries(values))
    .bind(rows::entries(registry))
    .bind(Json(&shape.memory))
    .bind(Json(&shape.cpu))
    .bind(Json(&shape.tags))
    .bind(Json(&shape.healthcheck))
    .bind(now())
    .bind(Json(&shape.post_start))
    .bind(Json(&shape.pre_stop))
    .bind(Json(&shape.grace_periods))
    .execute()
    .await?;
    Ok(uuid)
}

/// One release of an app.
const RELEASE_AT: &str = "SELECT * FROM releases WHERE app = $1 AND version = $2";

async fn release_at(
    statement: Statement<'_>,
    app: &AppName,
    version: ReleaseVersion,
) -> Result<Option<Release>, Error> {
    let row = statement.bind(app.as_str()).bind(version.get()).fetch_optional().await?;
    row.as_ref().map(rows::release).transpose()
}

async fn config(tx: &mut Transaction, uuid: Uuid) -> Result<Config, Error> {
    rows::config(&tx.query("SELECT * FROM configs WHERE uuid = $1").bind(uuid).fetch_one().await?)
}

async fn build(tx: &mut Transaction, uuid: Option<Uuid>) -> Result<Option<Build>, Error> {
    let Some(uuid) = uuid else { return Ok(None) };
    let row = tx.query(
        "SELECT uuid, owner, image, sha, procfile, dockerfile, pulled, created, state, failure_code, failure
         FROM builds WHERE uuid = $1",
    );
    row.bind(uuid).fetch_optional().await?.as_ref().map(rows::build).transpose()
}
