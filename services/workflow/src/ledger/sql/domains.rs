use std::collections::BTreeSet;

use deis_api::{AppName, Code, Hostname, Username};
use serde_json::{Value, json};

use super::{SqlLedger, Transaction, note, now, rows};
use crate::error::Error;
use crate::ledger::{Answer, Change, Domain, Domains, Listed, Window};

impl Domains for SqlLedger {
    fn domains<'a>(&'a self, app: &'a AppName, window: Window) -> Answer<'a, Listed<Domain>> {
        Box::pin(async move {
            let total = self.database.query("SELECT count(*) AS total FROM domains WHERE app = $1").bind(app.as_str());
            let total = total.fetch_one().await?.try_get("total")?;
            let found = self.database.query("SELECT * FROM domains WHERE app = $1 ORDER BY domain LIMIT $2 OFFSET $3");
            let found = found.bind(app.as_str()).bind(window.limit).bind(window.offset).fetch_all().await?;
            Ok(Listed { total, items: found.iter().map(rows::domain).collect::<Result<_, _>>()? })
        })
    }

    fn all_domains<'a>(&'a self, app: &'a AppName) -> Answer<'a, BTreeSet<Hostname>> {
        Box::pin(async move {
            let found = self.database.query("SELECT domain FROM domains WHERE app = $1").bind(app.as_str());
            found.fetch_all().await?.iter().map(|row| rows::parsed(row, "domain")).collect()
        })
    }

    fn add_domain<'a>(&'a self, app: &'a AppName, owner: &'a Username, domain: &'a Hostname) -> Answer<'a, Domain> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let added = insert_domain(&mut tx, app, owner, domain, "domain").await?;
            want(&mut tx, app).await?;
            let after = json!({ "domain": domain.as_str() });
            note(&mut tx, Change::app(app, "domain.add", Value::Null, after)).await?;
            tx.commit().await?;
            Ok(added)
        })
    }

    fn remove_domain<'a>(&'a self, app: &'a AppName, domain: &'a Hostname) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let removed = tx.query("DELETE FROM domains WHERE app = $1 AND domain = $2").bind(app.as_str());
            let removed = removed.bind(domain.as_str()).execute().await? > 0;
            if removed {
                want(&mut tx, app).await?;
                let before = json!({ "domain": domain.as_str() });
                note(&mut tx, Change::app(app, "domain.remove", before, Value::Null)).await?;
            }
            tx.commit().await?;
            Ok(removed)
        })
    }
}

/// Adds a domain; one that is taken is refused under the field it was given in.
pub(super) async fn insert_domain(
    tx: &mut Transaction,
    app: &AppName,
    owner: &Username,
    domain: &Hostname,
    field: &'static str,
) -> Result<Domain, Error> {
    let row = tx.query(
        "INSERT INTO domains (domain, app, owner, created) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING *",
    );
    let row = row.bind(domain.as_str()).bind(app.as_str()).bind(owner.as_str()).bind(now()).fetch_optional().await?;
    if let Some(row) = row {
        return rows::domain(&row);
    }
    // Who asks again because the first answer was lost must be able to tell.
    let taken = tx.query("SELECT 1 FROM domains WHERE domain = $1 AND app = $2").bind(domain.as_str());
    let is_own = taken.bind(app.as_str()).fetch_optional().await?.is_some();
    let (code, message) = if is_own {
        (Code::NothingChanged, format!("{app} has the domain {domain} already"))
    } else {
        (Code::AlreadyExists, format!("The domain {domain} is already in use by another app"))
    };
    Err(Error::Field { field, message, code })
}

/// Notes that the cluster is to be brought to something new.
pub(super) async fn want(tx: &mut Transaction, app: &AppName) -> Result<(), Error> {
    let noted = tx.query("UPDATE apps SET intent = intent + 1, updated = $2 WHERE id = $1");
    noted.bind(app.as_str()).bind(now()).execute().await?;
    Ok(())
}
