use deis_api::{AppName, Username};
use serde_json::{Value, json};

use super::{SqlLedger, Transaction, note, now};
use crate::error::{Error, Kind};
use crate::ledger::{Answer, Change, Sharing};

impl Sharing for SqlLedger {
    fn share<'a>(&'a self, app: &'a AppName, username: &'a Username) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let owner = owner(&mut tx, app).await?;
            exists(&mut tx, username).await?;
            if owner != username.as_str() {
                let shared = tx.query(
                    "INSERT INTO collaborators (app, username, granted) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                );
                if shared.bind(app.as_str()).bind(username.as_str()).bind(now()).execute().await? > 0 {
                    let after = json!({ "username": username.as_str() });
                    note(&mut tx, Change::app(app, "perms.create", Value::Null, after)).await?;
                }
            }
            tx.commit().await?;
            Ok(())
        })
    }

    fn unshare<'a>(&'a self, app: &'a AppName, username: &'a Username) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let gone = tx.query("DELETE FROM collaborators WHERE app = $1 AND username = $2").bind(app.as_str());
            let was_there = gone.bind(username.as_str()).execute().await? > 0;
            if was_there {
                let before = json!({ "username": username.as_str() });
                note(&mut tx, Change::app(app, "perms.delete", before, Value::Null)).await?;
            }
            tx.commit().await?;
            Ok(was_there)
        })
    }

    fn transfer<'a>(&'a self, app: &'a AppName, to: &'a Username) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let from = owner(&mut tx, app).await?;
            exists(&mut tx, to).await?;
            for record in [
                "UPDATE configs SET owner = $3 WHERE app = $1 AND owner = $2",
                "UPDATE builds SET owner = $3 WHERE app = $1 AND owner = $2",
                "UPDATE releases SET owner = $3 WHERE app = $1 AND owner = $2",
                "UPDATE domains SET owner = $3 WHERE app = $1 AND owner = $2",
                "UPDATE apps SET owner = $3 WHERE id = $1 AND owner = $2",
            ] {
                tx.query(record).bind(app.as_str()).bind(&from).bind(to.as_str()).execute().await?;
            }
            // An owner needs no permission beside.
            let gone = tx.query("DELETE FROM collaborators WHERE app = $1 AND username = $2");
            gone.bind(app.as_str()).bind(to.as_str()).execute().await?;
            let touched = tx.query("UPDATE apps SET updated = $2 WHERE id = $1");
            touched.bind(app.as_str()).bind(now()).execute().await?;
            let (before, after) = (json!({ "owner": from }), json!({ "owner": to.as_str() }));
            note(&mut tx, Change::app(app, "app.transfer", before, after)).await?;
            tx.commit().await?;
            Ok(())
        })
    }
}

/// The owner of an app, which stands still until the transaction ends.
async fn owner(tx: &mut Transaction, app: &AppName) -> Result<String, Error> {
    let row = tx.query_for_update("SELECT owner FROM apps WHERE id = $1").bind(app.as_str());
    Ok(row.fetch_optional().await?.ok_or(Error::Missing(Kind::App))?.try_get("owner")?)
}

async fn exists(tx: &mut Transaction, username: &Username) -> Result<(), Error> {
    let row = tx.query("SELECT 1 FROM users WHERE username = $1").bind(username.as_str());
    row.fetch_optional().await?.map(drop).ok_or(Error::Missing(Kind::User))
}
