use deis_api::Username;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Row, SqlLedger, Transaction, idempotency, now, rows};
use crate::acting::Acting;
use crate::error::{Error, Kind};
use crate::ledger::audit::{AccountEntry, Audit, Change, Entry, Subject};
use crate::ledger::{Answer, Listed, Window};

/// What the first entry of a subject follows on.
const NOTHING: [u8; 32] = [0; 32];
/// What the subject of an account begins with.
const OF_USER: &str = "user:";

impl Audit for SqlLedger {
    fn note<'a>(&'a self, change: Change<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            note(&mut tx, change).await?;
            tx.commit().await?;
            Ok(())
        })
    }

    fn activity(&self, app: Uuid, window: Window) -> Answer<'_, Listed<Entry>> {
        Box::pin(async move {
            let subject = of_app(app);
            let total = self.database.query("SELECT count(*) AS total FROM audit WHERE subject = $1").bind(&subject);
            let total = total.fetch_one().await?.try_get("total")?;
            let found = self
                .database
                .query("SELECT * FROM audit WHERE subject = $1 ORDER BY number DESC LIMIT $2 OFFSET $3")
                .bind(&subject)
                // The last one is there for the hash that the one after it follows on.
                .bind(window.limit.saturating_add(1))
                .bind(window.offset);
            let found = found.fetch_all().await?.iter().map(Written::read).collect::<Result<Vec<_>, _>>()?;
            let wanted = usize::try_from(window.limit).unwrap_or(usize::MAX);
            let mut items = Vec::new();
            for (index, written) in found.iter().enumerate().take(wanted) {
                items.push(written.entry(found.get(index + 1))?);
            }
            Ok(Listed { total, items })
        })
    }

    fn account_activity<'a>(&'a self, of: Option<&'a Username>, window: Window) -> Answer<'a, Listed<AccountEntry>> {
        Box::pin(async move {
            let of = of.map(Username::as_str);
            let total = self.database.query(
                "SELECT count(*) AS total FROM audit WHERE subject NOT LIKE 'app:%'
                     AND (CAST($1 AS text) IS NULL OR username = $1 OR subject = 'user:' || $1)",
            );
            let total = total.bind(of).fetch_one().await?.try_get("total")?;
            // Chains lie among one another here, so that each entry comes with the hash of the one before it in its own.
            let found = self.database.query(
                "SELECT audit.*, earlier.hash AS earlier FROM audit
                 LEFT JOIN audit AS earlier ON earlier.subject = audit.subject AND earlier.number = audit.number - 1
                 WHERE audit.subject NOT LIKE 'app:%'
                     AND (CAST($1 AS text) IS NULL OR audit.username = $1 OR audit.subject = 'user:' || $1)
                 ORDER BY audit.at DESC, audit.subject, audit.number DESC LIMIT $2 OFFSET $3",
            );
            let found = found.bind(of).bind(window.limit).bind(window.offset).fetch_all().await?;
            let mut items = Vec::new();
            for row in found {
                let written = Written::read(&row)?;
                let number = written.number.saturating_sub(1);
                let earlier = row.try_get::<Option<Vec<u8>>>("earlier")?;
                let earlier = earlier.map(|hash| Written { number, hash, ..Written::default() });
                let account = written.subject.strip_prefix(OF_USER).and_then(|username| username.parse().ok());
                items.push(AccountEntry { account, entry: written.entry(earlier.as_ref())? });
            }
            Ok(Listed { total, items })
        })
    }

    fn audit_length(&self) -> Answer<'_, i64> {
        Box::pin(async move {
            Ok(self.database.query("SELECT count(*) AS total FROM audit").fetch_one().await?.try_get("total")?)
        })
    }
}

/// Notes a change with whoever acts in this task. It comes last in a transaction: it is in turn with others of the same subject.
pub(super) async fn note(tx: &mut Transaction, change: Change<'_>) -> Result<(), Error> {
    let subject = match change.subject {
        Subject::App(app) => {
            let row = tx.query("SELECT uuid FROM apps WHERE id = $1").bind(app.as_str()).fetch_optional().await?;
            of_app(row.ok_or(Error::Missing(Kind::App))?.try_get("uuid")?)
        }
        Subject::User(username) => format!("{OF_USER}{username}"),
        Subject::Platform => "platform".to_owned(),
    };
    tx.lock_audit(&subject).await?;
    let last = tx.query("SELECT * FROM audit WHERE subject = $1 ORDER BY number DESC LIMIT 1").bind(&subject);
    let last = last.fetch_optional().await?.as_ref().map(Written::read).transpose()?;
    let acting = Acting::current();
    let written = Written {
        number: last.as_ref().map_or(0, |last| last.number).saturating_add(1),
        at: now(),
        username: acting.username().map(ToString::to_string),
        address: acting.address().map(|address| address.to_string()),
        action: change.action.to_owned(),
        before: change.before.to_string(),
        after: change.after.to_string(),
        subject,
        hash: Vec::new(),
    };
    let hash = written.expected_hash(last.as_ref().map_or(&NOTHING, |last| &last.hash))?;
    tx.query(
        "INSERT INTO audit (subject, number, at, username, address, action, before, after, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&written.subject)
    .bind(written.number)
    .bind(written.at)
    .bind(&written.username)
    .bind(&written.address)
    .bind(&written.action)
    .bind(&written.before)
    .bind(&written.after)
    .bind(hash.as_slice())
    .execute()
    .await?;
    match acting.attempt() {
        Some(attempt) => idempotency::change(tx, attempt).await,
        None => Ok(()),
    }
}

fn of_app(uuid: Uuid) -> String {
    format!("app:{uuid}")
}

/// An entry as it stands in the table.
#[derive(Clone, Debug, Default)]
struct Written {
    subject: String,
    number: i64,
    at: i64,
    username: Option<String>,
    address: Option<String>,
    action: String,
    before: String,
    after: String,
    hash: Vec<u8>,
}

impl Written {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            subject: row.try_get("subject")?,
            number: row.try_get("number")?,
            at: row.try_get("at")?,
            username: row.try_get("username")?,
            address: row.try_get("address")?,
            action: row.try_get("action")?,
            before: row.try_get("before")?,
            after: row.try_get("after")?,
            hash: row.try_get("hash")?,
        })
    }

    /// SHA-256 over the hash of the entry before and this one as a JSON array, in which no two entries look the same.
    fn expected_hash(&self, previous: &[u8]) -> Result<[u8; 32], Error> {
        let Self { subject, number, at, username, address, action, before, after, hash: _ } = self;
        let fields = (subject, number, at, username, address, action, before, after);
        let fields = serde_json::to_vec(&fields).map_err(|error| Error::Internal(error.into()))?;
        Ok(Sha256::new().chain_update(previous).chain_update(fields).finalize().into())
    }

    /// The entry, given the one before it.
    fn entry(&self, previous: Option<&Self>) -> Result<Entry, Error> {
        let (number, hash) = previous.map_or((0, NOTHING.as_slice()), |previous| (previous.number, &previous.hash));
        let follows = number.checked_add(1) == Some(self.number);
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| Value::from(text));
        Ok(Entry {
            number: self.number,
            time: rows::moment(self.at)?,
            // A name that is none was written by somebody else.
            username: self.username.as_deref().and_then(|username| username.parse().ok()),
            address: self.address.clone(),
            action: self.action.clone(),
            before: json(&self.before),
            after: json(&self.after),
            is_intact: follows && self.expected_hash(hash)?.as_slice() == self.hash.as_slice(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three entries, the newest first.
    fn chain() -> Vec<Written> {
        let mut chain = Vec::<Written>::new();
        for number in 1..=3 {
            let mut written = Written {
                subject: "app:1".to_owned(),
                number,
                at: 1_000,
                username: Some("bob".to_owned()),
                action: "app.scale".to_owned(),
                before: r#"{"web":1}"#.to_owned(),
                after: r#"{"web":2}"#.to_owned(),
                ..Written::default()
            };
            let previous = chain.first().map_or(NOTHING.to_vec(), |last| last.hash.clone());
            written.hash = written.expected_hash(&previous).unwrap().to_vec();
            chain.insert(0, written);
        }
        chain
    }

    fn intact(chain: &[Written]) -> Vec<bool> {
        let entries = chain.iter().enumerate().map(|(index, written)| written.entry(chain.get(index + 1)).unwrap());
        entries.map(|entry| entry.is_intact).collect()
    }

    #[test]
    fn what_was_changed_afterwards_is_seen() {
        assert_eq!(intact(&chain()), [true, true, true]);
        let changes: [fn(&mut Written); 7] = [
            |written| written.at += 1,
            |written| written.username = None,
            |written| written.address = Some("192.0.2.7".to_owned()),
            |written| written.action.push('s'),
            |written| written.before = "null".to_owned(),
            |written| written.after = r#"{"web":3}"#.to_owned(),
            |written| written.subject = "app:2".to_owned(),
        ];
        for change in changes {
            let mut forged = chain();
            change(&mut forged[1]);
            assert_eq!(intact(&forged), [true, false, true], "{:?}", forged[1]);
            // Who puts the hash right as well breaks the next one.
            let hash = forged[1].expected_hash(&forged[2].hash).unwrap().to_vec();
            forged[1].hash = hash;
            assert_eq!(intact(&forged), [false, true, true], "{:?}", forged[1]);
        }
        let mut shortened = chain();
        shortened.remove(1);
        assert_eq!(intact(&shortened), [false, true]);
        let mut beheaded = chain();
        beheaded.pop();
        assert_eq!(intact(&beheaded), [true, false]);
    }
}
