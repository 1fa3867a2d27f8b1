use jiff::Timestamp;
use uuid::Uuid;

use super::{SqlLedger, Transaction, is_referenced, now};
use crate::error::Error;
use crate::ledger::Answer;
use crate::ledger::idempotency::{Attempt, Changed, Claim, Idempotency, KEPT, KeyedRequest, SILENCE};

impl Idempotency for SqlLedger {
    fn claim<'a>(&'a self, request: &'a KeyedRequest, now: Timestamp) -> Answer<'a, Claim> {
        Box::pin(async move {
            let attempt = Attempt::new(request);
            let (username, key) = (request.username.as_str(), request.key.as_str());
            let claimed = self
                .database
                .query(
                    "INSERT INTO idempotency_keys (username, key, method, path, fingerprint, created, attempt, heard)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $6) ON CONFLICT DO NOTHING",
                )
                .bind(username)
                .bind(key)
                .bind(&request.method)
                .bind(&request.path)
                .bind(request.fingerprint.as_slice())
                .bind(now.as_millisecond())
                .bind(attempt.id);
            match claimed.execute().await {
                Ok(0) => {}
                Ok(_) => return Ok(Claim::Ours(attempt, None)),
                // The account has ended since its token was looked at.
                Err(error) if is_referenced(&error) => return Err(Error::InvalidToken),
                Err(error) => return Err(error.into()),
            }
            let found = self.database.query("SELECT * FROM idempotency_keys WHERE username = $1 AND key = $2");
            let Some(row) = found.bind(username).bind(key).fetch_optional().await? else {
                // Given up in between: it is asked for again.
                return Ok(Claim::UnderWay);
            };
            let (before, heard) = (row.try_get::<Uuid>("attempt")?, row.try_get::<i64>("heard")?);
            let is_silent = heard < ago(now, SILENCE);
            if is_silent && row.try_get::<i64>("created")? < ago(now, KEPT) {
                let old = self
                    .database
                    .query("DELETE FROM idempotency_keys WHERE username = $1 AND key = $2 AND attempt = $3");
                old.bind(username).bind(key).bind(before).execute().await?;
                return Ok(Claim::UnderWay);
            }
            // It tells the method and the path apart as well. What it is compared with is no secret: nobody can choose it.
            if row.try_get::<Vec<u8>>("fingerprint")? != request.fingerprint {
                return Ok(Claim::Other(row.try_get("method")?, row.try_get("path")?));
            }
            let object = row.try_get::<Option<String>>("object")?;
            if let Some(status) = row.try_get::<Option<i64>>("status")? {
                return Ok(Claim::Done(u16::try_from(status).unwrap_or_default(), object));
            }
            if !is_silent {
                return Ok(Claim::UnderWay);
            }
            let taken_over = self
                .database
                .query(
                    "UPDATE idempotency_keys SET attempt = $4, heard = $5
                     WHERE username = $1 AND key = $2 AND attempt = $3 AND heard = $6 AND status IS NULL",
                )
                .bind(username)
                .bind(key)
                .bind(before)
                .bind(attempt.id)
                .bind(now.as_millisecond())
                .bind(heard);
            if taken_over.execute().await? == 0 {
                return Ok(Claim::UnderWay);
            }
            // Only now: until then the other one could still make the change.
            let changed = self.database.query("SELECT changed, object FROM idempotency_keys WHERE attempt = $1");
            let Some(row) = changed.bind(attempt.id).fetch_optional().await? else { return Ok(Claim::UnderWay) };
            let changed = row.try_get::<Option<i64>>("changed")?;
            let object = row.try_get("object")?;
            Ok(Claim::Ours(attempt, changed.map(|_when| Changed { object })))
        })
    }

    fn pulse<'a>(&'a self, attempt: &'a Attempt, now: Timestamp) -> Answer<'a, ()> {
        Box::pin(async move {
            let alive = self
                .database
                .query("UPDATE idempotency_keys SET heard = $4 WHERE username = $1 AND key = $2 AND attempt = $3");
            let alive = alive.bind(attempt.username.as_str()).bind(attempt.key.as_str()).bind(attempt.id);
            alive.bind(now.as_millisecond()).execute().await?;
            Ok(())
        })
    }

    fn finish<'a>(&'a self, attempt: &'a Attempt, status: u16) -> Answer<'a, ()> {
        Box::pin(async move {
            let done = self.database.query(
                "UPDATE idempotency_keys SET status = $4, object = $5
                 WHERE username = $1 AND key = $2 AND attempt = $3",
            );
            let done = done.bind(attempt.username.as_str()).bind(attempt.key.as_str()).bind(attempt.id);
            done.bind(i64::from(status)).bind(attempt.object()).execute().await?;
            Ok(())
        })
    }

    fn give_up<'a>(&'a self, attempt: &'a Attempt) -> Answer<'a, ()> {
        Box::pin(async move {
            let (username, key) = (attempt.username.as_str(), attempt.key.as_str());
            let free = self.database.query(
                "DELETE FROM idempotency_keys WHERE username = $1 AND key = $2 AND attempt = $3 AND changed IS NULL",
            );
            if free.bind(username).bind(key).bind(attempt.id).execute().await? == 0 {
                let open = self
                    .database
                    .query("UPDATE idempotency_keys SET heard = 0 WHERE username = $1 AND key = $2 AND attempt = $3");
                open.bind(username).bind(key).bind(attempt.id).execute().await?;
            }
            Ok(())
        })
    }

    fn prune_keys(&self, now: Timestamp) -> Answer<'_, u64> {
        Box::pin(async move {
            let before = ago(now, KEPT);
            let old = self.database.query("DELETE FROM idempotency_keys WHERE created < $1 AND heard < $1");
            let pruned = old.bind(before).execute().await?;
            // By them a release knows its own repeat, and that is over, too.
            self.database.query("DELETE FROM requests WHERE created < $1").bind(before).execute().await?;
            Ok(pruned)
        })
    }
}

/// Notes that a change is made, in its own transaction. Who was taken for dead and is not makes none: another one is at it.
pub(super) async fn change(tx: &mut Transaction, attempt: &Attempt) -> Result<(), Error> {
    let noted = tx.query(
        "UPDATE idempotency_keys SET changed = $4, object = $5 WHERE username = $1 AND key = $2 AND attempt = $3",
    );
    let noted = noted.bind(attempt.username.as_str()).bind(attempt.key.as_str()).bind(attempt.id);
    if noted.bind(now()).bind(attempt.object()).execute().await? == 0 {
        return Err(Error::Unavailable("another process has taken the request over".into()));
    }
    Ok(())
}

fn ago(now: Timestamp, time: std::time::Duration) -> i64 {
    now.as_millisecond().saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
