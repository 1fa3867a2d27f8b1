use deis_api::AppName;
use serde_json::{Value, json};

use super::domains::want;
use super::{SqlLedger, note, now};
use crate::ledger::{Answer, Change, Restarts};

impl Restarts for SqlLedger {
    fn restart<'a>(&'a self, app: &'a AppName, pod_uids: &'a [String]) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            for pod_uid in pod_uids {
                let asked =
                    tx.query("INSERT INTO restarts (app, pod_uid, asked) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
                asked.bind(app.as_str()).bind(pod_uid).bind(now()).execute().await?;
            }
            want(&mut tx, app).await?;
            let pods = json!({ "pods": pod_uids.len() });
            note(&mut tx, Change::app(app, "app.restart", Value::Null, pods)).await?;
            tx.commit().await?;
            Ok(())
        })
    }
}
