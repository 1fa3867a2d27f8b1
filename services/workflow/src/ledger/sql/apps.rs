use std::collections::{BTreeMap, BTreeSet};

use deis_api::{AppName, Code, Hostname, ProcType, ReleaseVersion, Username};
use deis_kube::objects::Rules;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::domains::{insert_domain, want};
use super::releases::{ground, is_deploying};
use super::{SqlLedger, Transaction, note, now, rows, violated};
use crate::error::{Error, Kind};
use crate::ledger::apps::{AppSettings, Consent, Restructure, SettingsDecision};
use crate::ledger::{Answer, App, Apps, Change, Listed, ListedApp, NewApp, Structure, Target, Window};

/// The Procfile of an app's last release that did not fail.
macro_rules! procfile {
    () => {
        "coalesce((SELECT procfile FROM releases JOIN builds ON builds.uuid = build
          WHERE releases.app = id AND releases.state <> 'failed' ORDER BY version DESC LIMIT 1), '{}') AS procfile"
    };
}

/// One app: its row, who else may use it, and its Procfile.
pub(super) const APP: &str = concat!(
    "SELECT apps.*, (SELECT string_agg(username, ' ') FROM collaborators WHERE app = id) AS collaborators, ",
    procfile!(),
    " FROM apps WHERE id = $1"
);

/// At most `$1` apps after `$2`, with the number of all: one row with that alone where there are none. The end of a long list is read from
/// its end: `ahead` rows are taken from the front, or `back` after `behind` from the end.
macro_rules! page {
    ($total:literal, $filter:literal) => {
        concat!(
            "WITH counted AS MATERIALIZED (SELECT ", $total, " AS total),
             turned AS MATERIALIZED (SELECT total,
                 CASE WHEN $2 <= total - $2 THEN $1 ELSE 0 END AS ahead,
                 CASE WHEN $2 <= total - $2 OR $2 >= total THEN 0 WHEN $1 < total - $2 THEN $1 ELSE total - $2 END AS back,
                 CASE WHEN $1 < total - $2 THEN total - $2 - $1 ELSE 0 END AS behind
                 FROM counted)
             SELECT turned.total, page.*, ", procfile!(), " FROM turned LEFT JOIN (
                 SELECT * FROM (SELECT * FROM apps ", $filter, " ORDER BY id
                     LIMIT (SELECT ahead FROM turned) OFFSET $2) AS ahead
                 UNION ALL
                 SELECT * FROM (SELECT * FROM apps ", $filter, " ORDER BY id DESC
                     LIMIT (SELECT back FROM turned) OFFSET (SELECT behind FROM turned)) AS back
             ) AS page ON true ORDER BY id"
        )
    };
}

const ALL: &str = page!("(SELECT count(*) FROM apps)", "");
/// Those that the user `$3` may use. Nobody is a collaborator on what is his own.
const USABLE: &str = page!(
    "(SELECT count(*) FROM apps WHERE owner = $3) + (SELECT count(*) FROM collaborators WHERE username = $3)",
    "WHERE owner = $3 OR EXISTS (SELECT 1 FROM collaborators WHERE app = id AND username = $3)"
);

impl Apps for SqlLedger {
    fn app<'a>(&'a self, id: &'a AppName) -> Answer<'a, Option<App>> {
        Box::pin(async move {
            let row = self.database.query(APP);
            row.bind(id.as_str()).fetch_optional().await?.as_ref().map(rows::app).transpose()
        })
    }

    fn apps<'a>(&'a self, user: Option<&'a Username>, window: Window) -> Answer<'a, Listed<ListedApp>> {
        Box::pin(async move {
            let page = self.database.query(if user.is_some() { USABLE } else { ALL });
            let mut page = page.bind(window.limit).bind(window.offset);
            if let Some(user) = user {
                page = page.bind(user.as_str());
            }
            let found = page.fetch_all().await?;
            let total = found.first().ok_or(sqlx::Error::RowNotFound)?.try_get("total")?;
            let items = found.iter().filter_map(|row| rows::listed_app(row).transpose());
            Ok(Listed { total, items: items.collect::<Result<_, _>>()? })
        })
    }

    fn app_names(&self) -> Answer<'_, Vec<AppName>> {
        Box::pin(async move {
            let found = self.database.query("SELECT id FROM apps ORDER BY id").fetch_all().await?;
            found.iter().map(|row| rows::parsed(row, "id")).collect()
        })
    }

    fn create_app(&self, app: NewApp) -> Answer<'_, App> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let row = tx.query(
                "INSERT INTO apps (id, uuid, owner, structure, desired_release, fence, created, updated)
                 VALUES ($1, $2, $3, $4, $5, $6, $6, $6) RETURNING *, '' AS collaborators, CAST(NULL AS jsonb) AS procfile",
            );
            let row = row.bind(app.id.as_str()).bind(Uuid::new_v4()).bind(app.owner.as_str());
            let row = row.bind(Json(&app.structure)).bind(ReleaseVersion::FIRST.get()).bind(now());
            let row = row.fetch_one().await.map_err(|error| match violated(&error) {
                Some("apps_pkey" | "apps.id") => Error::Field {
                    field: "id",
                    message: "Application with this id already exists.".to_owned(),
                    code: Code::AlreadyExists,
                },
                _ => error.into(),
            })?;
            initial_release(&mut tx, &app).await?;
            insert_domain(&mut tx, &app.id, &app.owner, &Hostname::from(&app.id), "id").await?;
            let created = json!({ "id": app.id.as_str(), "owner": app.owner.as_str(), "structure": app.structure });
            note(&mut tx, Change::app(&app.id, "app.create", Value::Null, created)).await?;
            tx.commit().await?;
            rows::app(&row)
        })
    }

    fn condemn<'a>(&'a self, id: &'a AppName) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let row = tx.query_for_update("SELECT destroying FROM apps WHERE id = $1").bind(id.as_str());
            let Some(row) = row.fetch_optional().await? else { return Ok(false) };
            let is_new = row.try_get::<Option<i64>>("destroying")?.is_none();
            let noted = tx.query(
                "UPDATE apps SET destroying = coalesce(destroying, $2), fence = fence + 1, intent = intent + 1
                 WHERE id = $1",
            );
            noted.bind(id.as_str()).bind(now()).execute().await?;
            if is_new {
                note(&mut tx, Change::app(id, "app.destroy", json!({ "id": id.as_str() }), Value::Null)).await?;
            }
            tx.commit().await?;
            Ok(true)
        })
    }

    fn delete_app<'a>(&'a self, id: &'a AppName) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            delete(&mut tx, id).await?;
            tx.commit().await?;
            Ok(())
        })
    }

    fn restructure<'a>(&'a self, id: &'a AppName, decide: Restructure<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let ground = ground(&mut tx, id, Target::None).await?.ok_or(Error::Missing(Kind::App))?;
            let counts = decide(&ground)?;
            let before = ground.app;
            let mut autoscaled = before.autoscaled.clone();
            autoscaled.retain(|kind, _| !counts.contains_key(kind));
            let mut structure = before.structure.clone();
            structure.extend(counts);
            if autoscaled != before.autoscaled {
                set_autoscaled(&mut tx, id, &autoscaled).await?;
            }
            if structure != before.structure || autoscaled != before.autoscaled {
                set_structure(&mut tx, id, &structure).await?;
                let (before, after) = different(&before.structure, &structure);
                note(&mut tx, Change::app(id, "app.scale", before, after)).await?;
            }
            tx.commit().await?;
            Ok(())
        })
    }

    fn set_settings<'a>(&'a self, id: &'a AppName, decide: SettingsDecision<'a>) -> Answer<'a, App> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let before = ground(&mut tx, id, Target::None).await?.ok_or(Error::Missing(Kind::App))?;
            let settings = decide(&before)?;
            let AppSettings { rules, autoscale, labels } = &settings;
            let set = tx.query("UPDATE apps SET rules = $2, autoscale = $3, labels = $4 WHERE id = $1");
            let set = set.bind(id.as_str()).bind(Json(rules)).bind(Json(autoscale)).bind(Json(labels));
            set.execute().await?;
            want(&mut tx, id).await?;
            let (was, is) = (shown(&before.app.settings), shown(&settings));
            let (was, is) = different(&was, &is);
            note(&mut tx, Change::app(id, "app.settings", was, is)).await?;
            let after = ground(&mut tx, id, Target::None).await?.ok_or(Error::Missing(Kind::App))?;
            tx.commit().await?;
            Ok(after.app)
        })
    }

    fn set_allow_root<'a>(&'a self, id: &'a AppName, allow: bool, consent: Consent<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let ground = ground(&mut tx, id, Target::None).await?.ok_or(Error::Missing(Kind::App))?;
            // A deploy that fails goes back to what was served before, which may need root.
            if !allow && is_deploying(&mut tx, id).await? {
                return Err(Error::DeployInProgress(id.clone()));
            }
            consent(&ground)?;
            let set = tx.query("UPDATE apps SET allow_root = $2 WHERE id = $1");
            set.bind(id.as_str()).bind(allow).execute().await?;
            want(&mut tx, id).await?;
            let (was, is) = (json!({ "allow_root": ground.app.allow_root }), json!({ "allow_root": allow }));
            note(&mut tx, Change::app(id, "app.root", was, is)).await?;
            tx.commit().await?;
            Ok(())
        })
    }

    fn undo_restructure<'a>(
        &'a self,
        id: &'a AppName,
        from: &'a Structure,
        to: &'a Structure,
    ) -> Answer<'a, BTreeSet<ProcType>> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let row = tx.query_for_update("SELECT structure, autoscaled FROM apps WHERE id = $1");
            let row = row.bind(id.as_str()).fetch_optional().await?.ok_or(Error::Missing(Kind::App))?;
            let before = rows::structure(&row)?;
            let (mut structure, autoscaled) = (rows::structure(&row)?, rows::autoscaled(&row)?);
            let holds = |(kind, count): &(&ProcType, &u32)| {
                structure.get(*kind) == Some(*count) && !autoscaled.contains_key(*kind)
            };
            let ours = to.iter().filter(holds).map(|(kind, _)| kind.clone()).collect::<BTreeSet<_>>();
            structure.retain(|kind, _| !ours.contains(kind));
            let old = ours.iter().filter_map(|kind| Some((kind.clone(), *from.get(kind)?)));
            structure.extend(old);
            if !ours.is_empty() {
                set_structure(&mut tx, id, &structure).await?;
                let (before, after) = different(&before, &structure);
                note(&mut tx, Change::app(id, "app.scale-undo", before, after)).await?;
            }
            tx.commit().await?;
            Ok(ours)
        })
    }
}

/// What an app's settings say, by name.
fn shown(settings: &AppSettings) -> BTreeMap<&'static str, Value> {
    let AppSettings { rules, autoscale, labels } = settings;
    let Rules { routable, maintenance, whitelist, https_enforced, services } = rules;
    BTreeMap::from([
        ("routable", json!(routable)),
        ("maintenance", json!(maintenance)),
        ("whitelist", json!(whitelist)),
        ("https_enforced", json!(https_enforced)),
        ("services", json!(services)),
        ("autoscale", json!(autoscale)),
        ("labels", json!(labels)),
    ])
}

/// Of two maps the entries that are not the same.
fn different<K: Ord + Serialize, V: PartialEq + Serialize>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> (Value, Value) {
    let beside = |one: &BTreeMap<K, V>, other: &BTreeMap<K, V>| {
        json!(one.iter().filter(|(key, value)| other.get(*key) != Some(*value)).collect::<BTreeMap<_, _>>())
    };
    (beside(before, after), beside(after, before))
}

/// Deletes an app with all that belongs to it; what was done to it stays.
pub(super) async fn delete(tx: &mut Transaction, id: &AppName) -> Result<(), Error> {
    match note(tx, Change::app(id, "app.gone", json!({ "id": id.as_str() }), Value::Null)).await {
        Ok(()) => {}
        Err(Error::Missing(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    // Releases point at configs and builds, which go with the app as well: they go first.
    tx.query("DELETE FROM releases WHERE app = $1").bind(id.as_str()).execute().await?;
    tx.query("DELETE FROM apps WHERE id = $1").bind(id.as_str()).execute().await?;
    Ok(())
}

/// The empty config and release v1, which has no build.
async fn initial_release(tx: &mut Transaction, app: &NewApp) -> Result<(), Error> {
    let config = Uuid::new_v4();
    tx.query("INSERT INTO configs (uuid, app, owner, entries, created) VALUES ($1, $2, $3, '{}', $4)")
        .bind(config)
        .bind(app.id.as_str())
        .bind(app.owner.as_str())
        .bind(now())
        .execute()
        .await?;
    tx.query(
        "INSERT INTO releases (uuid, app, version, owner, summary, summary_if_failed, state, config, created, updated)
         VALUES ($1, $2, $3, $4, $5, $5, 'good', $6, $7, $7)",
    )
    .bind(Uuid::new_v4())
    .bind(app.id.as_str())
    .bind(ReleaseVersion::FIRST.get())
    .bind(app.owner.as_str())
    .bind(&app.summary)
    .bind(config)
    .bind(now())
    .execute()
    .await?;
    Ok(())
}

/// Says of which process types an autoscaler has the number.
pub(super) async fn set_autoscaled(
    tx: &mut Transaction,
    id: &AppName,
    autoscaled: &BTreeMap<ProcType, ReleaseVersion>,
) -> Result<(), Error> {
    let updated = tx.query("UPDATE apps SET autoscaled = $2 WHERE id = $1").bind(id.as_str());
    updated.bind(Json(autoscaled)).execute().await?;
    Ok(())
}

pub(super) async fn set_structure(tx: &mut Transaction, id: &AppName, structure: &Structure) -> Result<(), Error> {
    let updated = tx.query("UPDATE apps SET structure = $2, intent = intent + 1, updated = $3 WHERE id = $1");
    updated.bind(id.as_str()).bind(Json(structure)).bind(now()).execute().await?;
    Ok(())
}
