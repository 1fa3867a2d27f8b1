use deis_api::{Code, KeyId, Username};
use serde_json::{Value, json};

use super::{SqlLedger, note, rows, violated};
use crate::error::Error;
use crate::ledger::{Answer, Change, Key, Keys, Listed, Window};

/// What clients know this refusal by.
const IN_USE: &str = "Public Key is already in use";

impl Keys for SqlLedger {
    fn keys<'a>(&'a self, owner: &'a Username, window: Window) -> Answer<'a, Listed<Key>> {
        Box::pin(async move {
            let total = self.database.query("SELECT count(*) AS total FROM keys WHERE owner = $1").bind(owner.as_str());
            let total = total.fetch_one().await?.try_get("total")?;
            let found = self.database.query("SELECT * FROM keys WHERE owner = $1 ORDER BY public LIMIT $2 OFFSET $3");
            let found = found.bind(owner.as_str()).bind(window.limit).bind(window.offset);
            let items = found.fetch_all().await?.iter().map(rows::key).collect::<Result<_, _>>()?;
            Ok(Listed { total, items })
        })
    }

    fn key<'a>(&'a self, owner: &'a Username, id: &'a KeyId) -> Answer<'a, Option<Key>> {
        Box::pin(async move {
            let row = self
                .database
                .query("SELECT * FROM keys WHERE owner = $1 AND id = $2")
                .bind(owner.as_str())
                .bind(id.as_str());
            row.fetch_optional().await?.as_ref().map(rows::key).transpose()
        })
    }

    fn add_key<'a>(&'a self, key: &'a Key) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let added = tx.query(
                "INSERT INTO keys (uuid, owner, id, public, blob, fingerprint, created, updated)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
            );
            let added = added.bind(key.uuid).bind(key.owner.as_str()).bind(key.id.as_str()).bind(&key.public);
            let added = added.bind(&key.blob).bind(&key.fingerprint).bind(key.created.as_millisecond());
            let Err(error) = added.execute().await else {
                let after = json!({ "id": key.id.as_str(), "fingerprint": key.fingerprint });
                note(&mut tx, Change::user(&key.owner, "key.add", Value::Null, after)).await?;
                tx.commit().await?;
                return Ok(());
            };
            // PostgreSQL answers nothing more in a transaction that has failed.
            drop(tx);
            let (field, message) = match violated(&error) {
                Some("keys_id" | "keys.id") => ("id", "SSH Key with this id already exists."),
                Some("keys_blob" | "keys.blob") => ("public", IN_USE),
                _ => return Err(error.into()),
            };
            // Who asks again because the first answer was lost must be able to tell.
            let same = self.database.query("SELECT 1 FROM keys WHERE owner = $1 AND id = $2 AND blob = $3");
            let same = same.bind(key.owner.as_str()).bind(key.id.as_str()).bind(&key.blob).fetch_optional().await?;
            let (field, message, code) = match same {
                // Of both constraints the databases name another one.
                Some(_) => ("public", IN_USE, Code::NothingChanged),
                None => (field, message, Code::AlreadyExists),
            };
            Err(Error::Field { field, message: message.to_owned(), code })
        })
    }

    fn delete_key<'a>(&'a self, owner: &'a Username, id: &'a KeyId) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let deleted = tx.query("DELETE FROM keys WHERE owner = $1 AND id = $2").bind(owner.as_str());
            let was_there = deleted.bind(id.as_str()).execute().await? > 0;
            if was_there {
                let before = json!({ "id": id.as_str() });
                note(&mut tx, Change::user(owner, "key.remove", before, Value::Null)).await?;
            }
            tx.commit().await?;
            Ok(was_there)
        })
    }

    fn owner_of_key<'a>(&'a self, blob: &'a [u8]) -> Answer<'a, Option<Username>> {
        Box::pin(async move {
            let row = self
                .database
                .query("SELECT owner FROM keys JOIN users ON username = owner WHERE blob = $1 AND is_active");
            let row = row.bind(blob).fetch_optional().await?;
            row.as_ref().map(|row| rows::parsed(row, "owner")).transpose()
        })
    }

    fn owner_of_fingerprint<'a>(&'a self, fingerprint: &'a str) -> Answer<'a, Option<Username>> {
        Box::pin(async move {
            let owners = self.database.query(
                "SELECT DISTINCT owner FROM keys JOIN users ON username = owner WHERE fingerprint = $1 AND is_active",
            );
            match &owners.bind(fingerprint).fetch_all().await?[..] {
                [row] => rows::parsed(row, "owner").map(Some),
                _ => Ok(None),
            }
        })
    }
}
