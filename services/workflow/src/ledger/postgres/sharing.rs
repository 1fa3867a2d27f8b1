use deis_api::{AppName, Username};
use sqlx::{PgConnection, Row as _, query};

use super::{Postgres, now};
use crate::error::{Error, Kind};
use crate::ledger::{Answer, Sharing};

impl Sharing for Postgres {
    fn share<'a>(&'a self, app: &'a AppName, username: &'a Username) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.pool.begin().await?;
            let owner = owner(&mut tx, app).await?;
            exists(&mut tx, username).await?;
            if owner != username.as_str() {
                let shared = query(
                    "INSERT INTO collaborators (app, username, granted) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                );
                shared.bind(app.as_str()).bind(username.as_str()).bind(now()).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        })
    }

    fn unshare<'a>(&'a self, app: &'a AppName, username: &'a Username) -> Answer<'a, bool> {
        Box::pin(async move {
            let gone = query("DELETE FROM collaborators WHERE app = $1 AND username = $2").bind(app.as_str());
            Ok(gone.bind(username.as_str()).execute(&self.pool).await?.rows_affected() > 0)
        })
    }

    fn transfer<'a>(&'a self, app: &'a AppName, to: &'a Username) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.pool.begin().await?;
            let from = owner(&mut tx, app).await?;
            exists(&mut tx, to).await?;
            for record in [
                "UPDATE configs SET owner = $3 WHERE app = $1 AND owner = $2",
                "UPDATE builds SET owner = $3 WHERE app = $1 AND owner = $2",
                "UPDATE releases SET owner = $3 WHERE app = $1 AND owner = $2",
                "UPDATE domains SET owner = $3 WHERE app = $1 AND owner = $2",
                "UPDATE apps SET owner = $3 WHERE id = $1 AND owner = $2",
            ] {
                query(record).bind(app.as_str()).bind(&from).bind(to.as_str()).execute(&mut *tx).await?;
            }
            // An owner needs no permission beside.
            let gone = query("DELETE FROM collaborators WHERE app = $1 AND username = $2");
            gone.bind(app.as_str()).bind(to.as_str()).execute(&mut *tx).await?;
            let touched = query("UPDATE apps SET updated = $2 WHERE id = $1");
            touched.bind(app.as_str()).bind(now()).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(())
        })
    }
}

/// The owner of an app, which stands still until the transaction ends.
async fn owner(tx: &mut PgConnection, app: &AppName) -> Result<String, Error> {
    let row = query("SELECT owner FROM apps WHERE id = $1 FOR UPDATE").bind(app.as_str());
    Ok(row.fetch_optional(tx).await?.ok_or(Error::Missing(Kind::App))?.try_get("owner")?)
}

async fn exists(tx: &mut PgConnection, username: &Username) -> Result<(), Error> {
    let row = query("SELECT 1 FROM users WHERE username = $1").bind(username.as_str());
    row.fetch_optional(tx).await?.map(drop).ok_or(Error::Missing(Kind::User))
}
