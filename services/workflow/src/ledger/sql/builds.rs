use deis_api::AppName;
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::{SqlLedger, Transaction, note, now, rows};
use crate::error::Error;
use crate::ledger::{
    Answer, Build, BuildState, Builds, Change, Draft, FailedBuild, Listed, NewBuild, RequestKey, Window,
};
use deis_api::Code;

/// Of how many builds of an app the log is kept.
const LOGS: i64 = 100;

impl Builds for SqlLedger {
    fn record_failed_build<'a>(
        &'a self,
        app: &'a AppName,
        key: &'a RequestKey,
        build: &'a FailedBuild,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let (code, message) = &build.failure;
            let state = if *code == Code::BuildCancelled { BuildState::Cancelled } else { BuildState::Failed };
            let mut tx = self.database.begin().await?;
            let recorded = tx.query(
                "INSERT INTO builds
                     (uuid, app, owner, image, sha, procfile, dockerfile, created, state, failure_code, failure, log, request)
                 VALUES ($1, $2, $3, '', $4, '{}', '', $5, $6, $7, $8, $9, $10)
                 ON CONFLICT (app, request) DO NOTHING",
            );
            let recorded = recorded
                .bind(Uuid::new_v4())
                .bind(app.as_str())
                .bind(build.owner.as_str())
                .bind(build.sha.as_str())
                .bind(now());
            let recorded = recorded
                .bind(state.as_str())
                .bind(code.as_str())
                .bind(message)
                .bind(build.log.as_str())
                .bind(key.as_str());
            if recorded.execute().await? > 0 {
                let after = json!({ "sha": build.sha.as_str(), "code": code.as_str() });
                note(&mut tx, Change::app(app, "build.fail", Value::Null, after)).await?;
            }
            forget_logs(&mut tx, app).await?;
            tx.commit().await?;
            Ok(())
        })
    }

    fn builds<'a>(&'a self, app: &'a AppName, window: Window) -> Answer<'a, Listed<Build>> {
        Box::pin(async move {
            let total = self.database.query("SELECT count(*) AS total FROM builds WHERE app = $1").bind(app.as_str());
            let total = total.fetch_one().await?.try_get("total")?;
            // All but the logs, which are long.
            let found = self.database.query(
                "SELECT uuid, owner, image, sha, procfile, dockerfile, pulled, created, state, failure_code, failure
                 FROM builds WHERE app = $1 ORDER BY created DESC, uuid LIMIT $2 OFFSET $3",
            );
            let found = found.bind(app.as_str()).bind(window.limit).bind(window.offset).fetch_all().await?;
            Ok(Listed { total, items: found.iter().map(rows::build).collect::<Result<_, _>>()? })
        })
    }

    fn build<'a>(&'a self, app: &'a AppName, uuid: Uuid) -> Answer<'a, Option<Build>> {
        Box::pin(async move {
            let row = self.database.query(
                "SELECT uuid, owner, image, sha, procfile, dockerfile, pulled, created, state, failure_code, failure
                 FROM builds WHERE app = $1 AND uuid = $2",
            );
            let row = row.bind(app.as_str()).bind(uuid);
            row.fetch_optional().await?.as_ref().map(rows::build).transpose()
        })
    }

    fn build_log<'a>(&'a self, app: &'a AppName, uuid: Uuid) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let row = self
                .database
                .query("SELECT log FROM builds WHERE app = $1 AND uuid = $2")
                .bind(app.as_str())
                .bind(uuid);
            Ok(row.fetch_optional().await?.map(|row| row.try_get("log")).transpose()?)
        })
    }
}

/// Records a build with an image, which belongs to a release.
pub(super) async fn insert_build(
    tx: &mut Transaction,
    app: &AppName,
    draft: &Draft,
    build: &NewBuild,
) -> Result<Uuid, Error> {
    let inserted = tx.query(
        "INSERT INTO builds (uuid, app, owner, image, sha, procfile, dockerfile, log, created, pulled)
         VALUES ($1, $2, $3, $4, $5, $6, $10, $7, $8, $9)",
    );
    let inserted = inserted.bind(build.uuid).bind(app.as_str()).bind(draft.owner.as_str()).bind(&build.image);
    let sha = build.sha.as_ref().map_or("", |sha| sha.as_str());
    let inserted = inserted.bind(sha).bind(Json(&build.procfile)).bind(build.log.as_str()).bind(now());
    let inserted = inserted.bind(build.pulled.as_ref().map(Json)).bind(&build.dockerfile);
    inserted.execute().await?;
    forget_logs(tx, app).await?;
    Ok(build.uuid)
}

/// Empties the logs of old builds.
async fn forget_logs(tx: &mut Transaction, app: &AppName) -> Result<(), Error> {
    let emptied = tx.query(
        "UPDATE builds SET log = '' WHERE app = $1 AND log <> '' AND uuid NOT IN
             (SELECT uuid FROM builds WHERE app = $1 ORDER BY created DESC, uuid LIMIT $2)",
    );
    emptied.bind(app.as_str()).bind(LOGS).execute().await?;
    Ok(())
}
