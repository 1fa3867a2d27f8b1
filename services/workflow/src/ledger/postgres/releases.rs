use deis_api::{AppName, ReleaseVersion};
use sqlx::types::Json;
use sqlx::{PgConnection, Row as _, query};
use uuid::Uuid;

use super::apps::set_structure;
use super::builds::insert_build;
use super::{Postgres, now, rows};
use crate::configs::Settings;
use crate::error::{Error, Kind};
use crate::ledger::releases::ConfigDraft;
use crate::ledger::{
    Answer, Build, BuildDraft, Config, Decide, Draft, Ground, Listed, Release, Released, Releases, RequestKey, Target,
    Window,
};

impl Releases for Postgres {
    fn release<'a>(
        &'a self,
        app: &'a AppName,
        key: &'a RequestKey,
        target: Target,
        decide: Decide<'a>,
    ) -> Answer<'a, Released> {
        Box::pin(async move {
            let mut tx = self.pool.begin().await?;
            // The ground locks the app's row: whoever comes second sees what the first has made.
            let ground = ground(&mut tx, app, target).await?.ok_or(Error::Missing(Kind::App))?;
            if let Some(release) = made_by(&mut tx, app, key).await? {
                let config = config(&mut tx, release.config).await?;
                return Ok(Released { release, config });
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
            tx.commit().await?;
            Ok(released)
        })
    }

    fn ground<'a>(&'a self, app: &'a AppName) -> Answer<'a, Ground> {
        Box::pin(async move {
            let mut tx = self.pool.begin().await?;
            ground(&mut tx, app, Target::None).await?.ok_or(Error::Missing(Kind::App))
        })
    }

    fn releases<'a>(&'a self, app: &'a AppName, window: Window) -> Answer<'a, Listed<Release>> {
        Box::pin(async move {
            let total = query("SELECT count(*) AS total FROM releases WHERE app = $1").bind(app.as_str());
            let total = total.fetch_one(&self.pool).await?.try_get("total")?;
            let found = query("SELECT * FROM releases WHERE app = $1 ORDER BY version DESC LIMIT $2 OFFSET $3");
            let found = found.bind(app.as_str()).bind(window.limit).bind(window.offset).fetch_all(&self.pool).await?;
            Ok(Listed { total, items: found.iter().map(rows::release).collect::<Result<_, _>>()? })
        })
    }

    fn release_at<'a>(&'a self, app: &'a AppName, version: ReleaseVersion) -> Answer<'a, Option<Release>> {
        Box::pin(async move { release_at(&mut *self.pool.acquire().await?, app, version).await })
    }
}

/// Reads what a decision is made from, and locks the app until the transaction ends.
pub(super) async fn ground(tx: &mut PgConnection, app: &AppName, target: Target) -> Result<Option<Ground>, Error> {
    let row = query(
        "SELECT *, ARRAY(SELECT username FROM collaborators WHERE app = id) AS collaborators
         FROM apps WHERE id = $1 FOR UPDATE OF apps",
    );
    let Some(row) = row.bind(app.as_str()).fetch_optional(&mut *tx).await? else { return Ok(None) };
    let latest = query("SELECT * FROM releases WHERE app = $1 AND state <> 'failed' ORDER BY version DESC LIMIT 1");
    let latest = rows::release(&latest.bind(app.as_str()).fetch_one(&mut *tx).await?)?;
    let config = config(&mut *tx, latest.config).await?;
    let build = build(&mut *tx, latest.build).await?;
    let wanted = match target {
        Target::None => None,
        Target::Previous => ReleaseVersion::try_from(latest.version.get().saturating_sub(1)).ok(),
        Target::Version(version) => Some(version),
    };
    let target = match wanted {
        Some(version) => release_at(&mut *tx, app, version).await?,
        None => None,
    };
    let target_build = self::build(&mut *tx, target.as_ref().and_then(|target| target.build)).await?;
    Ok(Some(Ground { app: rows::app(&row)?, latest, config, build, target, target_build }))
}

async fn made_by(tx: &mut PgConnection, app: &AppName, key: &RequestKey) -> Result<Option<Release>, Error> {
    let row = query(
        "SELECT releases.* FROM requests JOIN releases USING (app, version)
         WHERE requests.app = $1 AND requests.key = $2",
    );
    let row = row.bind(app.as_str()).bind(key.as_str()).fetch_optional(tx).await?;
    row.as_ref().map(rows::release).transpose()
}

async fn is_deploying(tx: &mut PgConnection, app: &AppName) -> Result<bool, Error> {
    let row = query("SELECT EXISTS (SELECT 1 FROM releases WHERE app = $1 AND state = 'deploying') AS found");
    Ok(row.bind(app.as_str()).fetch_one(tx).await?.try_get("found")?)
}

/// Writes the next release with what is new in it, and makes it the desired one.
async fn record(tx: &mut PgConnection, app: &AppName, key: &RequestKey, draft: &Draft) -> Result<Released, Error> {
    let config_uuid = match &draft.config {
        ConfigDraft::New(settings) => insert_config(&mut *tx, app, draft, settings).await?,
        ConfigDraft::Keep(uuid) => *uuid,
    };
    let build_uuid = match &draft.build {
        BuildDraft::New(build) => Some(insert_build(&mut *tx, app, draft, build).await?),
        BuildDraft::Keep(uuid) => *uuid,
    };
    let row = query(
        "INSERT INTO releases
             (uuid, app, version, owner, summary, summary_if_failed, state, config, build, created, updated)
         SELECT $1, $2, max(version) + 1, $3, $4, $5, $6, $7, $8, $9, $9 FROM releases WHERE app = $2
         RETURNING *",
    );
    let state = if build_uuid.is_some() { "deploying" } else { "good" };
    let row = row.bind(Uuid::new_v4()).bind(app.as_str()).bind(draft.owner.as_str()).bind(&draft.summary);
    let row = row.bind(&draft.summary_if_failed).bind(state).bind(config_uuid).bind(build_uuid).bind(now());
    let release = rows::release(&row.fetch_one(&mut *tx).await?)?;

    query("INSERT INTO requests (app, key, version, created) VALUES ($1, $2, $3, $4)")
        .bind(app.as_str())
        .bind(key.as_str())
        .bind(release.version.get())
        .bind(now())
        .execute(&mut *tx)
        .await?;
    query("UPDATE apps SET desired_release = $2, updated = $3 WHERE id = $1")
        .bind(app.as_str())
        .bind(release.version.get())
        .bind(now())
        .execute(&mut *tx)
        .await?;
    let config = config(&mut *tx, release.config).await?;
    Ok(Released { release, config })
}

async fn insert_config(
    tx: &mut PgConnection,
    app: &AppName,
    draft: &Draft,
    settings: &Settings,
) -> Result<Uuid, Error> {
    let uuid = Uuid::new_v4();
    let Settings { values, registry, shape } = settings;
    query(
        "INSERT INTO configs (uuid, app, owner, entries, registry, memory, cpu, tags, healthcheck, created)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
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
    .execute(tx)
    .await?;
    Ok(uuid)
}

async fn release_at(tx: &mut PgConnection, app: &AppName, version: ReleaseVersion) -> Result<Option<Release>, Error> {
    let row = query("SELECT * FROM releases WHERE app = $1 AND version = $2").bind(app.as_str()).bind(version.get());
    row.fetch_optional(tx).await?.as_ref().map(rows::release).transpose()
}

async fn config(tx: &mut PgConnection, uuid: Uuid) -> Result<Config, Error> {
    rows::config(&query("SELECT * FROM configs WHERE uuid = $1").bind(uuid).fetch_one(tx).await?)
}

async fn build(tx: &mut PgConnection, uuid: Option<Uuid>) -> Result<Option<Build>, Error> {
    let Some(uuid) = uuid else { return Ok(None) };
    let row = query(
        "SELECT uuid, owner, image, sha, procfile, dockerfile, pulled, created, state, failure_code, failure
         FROM builds WHERE uuid = $1",
    );
    row.bind(uuid).fetch_optional(tx).await?.as_ref().map(rows::build).transpose()
}
