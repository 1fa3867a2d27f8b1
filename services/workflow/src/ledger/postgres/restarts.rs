use deis_api::AppName;
use sqlx::query;

use super::domains::want;
use super::{Postgres, now};
use crate::ledger::{Answer, Restarts};

impl Restarts for Postgres {
    fn restart<'a>(&'a self, app: &'a AppName, pod_uids: &'a [String]) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.pool.begin().await?;
            let asked = query(
                "INSERT INTO restarts (app, pod_uid, asked) SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING",
            );
            asked.bind(app.as_str()).bind(pod_uids).bind(now()).execute(&mut *tx).await?;
            want(&mut tx, app).await?;
            tx.commit().await?;
            Ok(())
        })
    }
}
