use deis_api::{Code, Username};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{SqlLedger, is_referenced, note, now, rows, violated};
use crate::error::Error;
use crate::ledger::accounts::{Accounts, Admit, NewUser, Removal, TokenHash, User};
use crate::ledger::{Answer, Change, Listed, Subject, Window};

/// How many logins of a user stay valid.
const TOKENS: i64 = 100;

impl Accounts for SqlLedger {
    fn user<'a>(&'a self, username: &'a Username) -> Answer<'a, Option<(User, SecretString)>> {
        Box::pin(async move {
            let row = self.database.query("SELECT * FROM users WHERE username = $1").bind(username.as_str());
            let Some(row) = row.fetch_optional().await? else { return Ok(None) };
            let password = row.try_get::<String>("password")?;
            Ok(Some((rows::user(&row)?, password.into())))
        })
    }

    fn user_of_token(&self, hash: TokenHash) -> Answer<'_, Option<User>> {
        Box::pin(async move {
            let row = self.database.query(
                "SELECT users.* FROM users JOIN tokens USING (username) WHERE tokens.hash = $1 AND users.is_active",
            );
            row.bind(hash.as_slice()).fetch_optional().await?.as_ref().map(rows::user).transpose()
        })
    }

    fn register<'a>(&'a self, user: NewUser, admit: Admit<'a>) -> Answer<'a, User> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            // Two first registrations at once must not both become superusers.
            tx.lock_users().await?;
            let row = tx.query("SELECT EXISTS (SELECT 1 FROM users WHERE is_superuser) AS found");
            let superuser = admit(row.fetch_one().await?.try_get("found")?)?;
            let row = tx.query(
                "INSERT INTO users
                     (username, email, first_name, last_name, password, is_superuser, is_staff, is_active, joined)
                 VALUES ($1, $2, $3, $4, $5, $6, $6, true, $7) RETURNING *",
            );
            let row = row.bind(user.username.as_str()).bind(&user.email).bind(&user.first_name).bind(&user.last_name);
            let row = row.bind(user.password.expose_secret()).bind(superuser).bind(now()).fetch_one().await;
            let row = row.map_err(|error| match violated(&error) {
                Some("users_pkey" | "users.username") => Error::Field {
                    field: "username",
                    message: "A user with that username already exists.".to_owned(),
                    code: Code::AlreadyExists,
                },
                _ => error.into(),
            })?;
            let registered = json!({ "superuser": superuser });
            note(&mut tx, Change::user(&user.username, "user.register", Value::Null, registered)).await?;
            tx.commit().await?;
            rows::user(&row)
        })
    }

    fn users(&self, only_superusers: bool, window: Window) -> Answer<'_, Listed<User>> {
        Box::pin(async move {
            let total =
                self.database.query("SELECT count(*) AS total FROM users WHERE NOT $1 OR (is_superuser AND is_active)");
            let total = total.bind(only_superusers).fetch_one().await?.try_get("total")?;
            let found = self.database.query(
                "SELECT * FROM users WHERE NOT $1 OR (is_superuser AND is_active) ORDER BY username LIMIT $2 OFFSET $3",
            );
            let found = found.bind(only_superusers).bind(window.limit).bind(window.offset);
            let found = found.fetch_all().await?;
            Ok(Listed { total, items: found.iter().map(rows::user).collect::<Result<_, _>>()? })
        })
    }

    fn set_superuser<'a>(&'a self, username: &'a Username, superuser: bool) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let row = tx.query_for_update("SELECT is_superuser FROM users WHERE username = $1").bind(username.as_str());
            let Some(row) = row.fetch_optional().await? else { return Ok(false) };
            let before = row.try_get::<bool>("is_superuser")?;
            let set = tx.query("UPDATE users SET is_superuser = $2, is_staff = $2 WHERE username = $1");
            set.bind(username.as_str()).bind(superuser).execute().await?;
            if before != superuser {
                let action = if superuser { "admin.grant" } else { "admin.revoke" };
                note(&mut tx, Change::user(username, action, Value::Null, Value::Null)).await?;
            }
            tx.commit().await?;
            Ok(true)
        })
    }

    fn set_password<'a>(&'a self, username: &'a Username, password: SecretString) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let set = tx.query("UPDATE users SET password = $2 WHERE username = $1");
            let is_there = set.bind(username.as_str()).bind(password.expose_secret()).execute().await? > 0;
            if is_there {
                note(&mut tx, Change::user(username, "user.password", Value::Null, Value::Null)).await?;
            }
            tx.commit().await?;
            Ok(is_there)
        })
    }

    fn remove_user<'a>(&'a self, username: &'a Username) -> Answer<'a, Removal> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let removed = tx.query("DELETE FROM users WHERE username = $1").bind(username.as_str());
            match removed.execute().await {
                Ok(0) => Ok(Removal::Missing),
                Ok(_) => {
                    note(&mut tx, Change::user(username, "user.cancel", Value::Null, Value::Null)).await?;
                    tx.commit().await?;
                    Ok(Removal::Gone)
                }
                // Of all that is a user's, apps and certificates alone do not go with him.
                Err(error) if is_referenced(&error) => {
                    // PostgreSQL answers nothing more in a transaction that has failed.
                    drop(tx);
                    let apps = self.database.query("SELECT 1 FROM apps WHERE owner = $1 LIMIT 1");
                    let owns_apps = apps.bind(username.as_str()).fetch_optional().await?.is_some();
                    Ok(if owns_apps { Removal::OwnsApps } else { Removal::OwnsCertificates })
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    fn add_token<'a>(&'a self, username: &'a Username, hash: TokenHash) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let now = now();
            tx.query("UPDATE users SET last_login = $2 WHERE username = $1")
                .bind(username.as_str())
                .bind(now)
                .execute()
                .await?;
            tx.query("INSERT INTO tokens (hash, username, created) VALUES ($1, $2, $3)")
                .bind(hash.as_slice())
                .bind(username.as_str())
                .bind(now)
                .execute()
                .await?;
            tx.query(
                "DELETE FROM tokens WHERE username = $1 AND hash NOT IN
                     (SELECT hash FROM tokens WHERE username = $1 ORDER BY created DESC, hash LIMIT $2)",
            )
            .bind(username.as_str())
            .bind(TOKENS)
            .execute()
            .await?;
            note(&mut tx, Change::user(username, "user.login", Value::Null, Value::Null)).await?;
            tx.commit().await?;
            Ok(())
        })
    }

    fn replace_tokens<'a>(&'a self, username: &'a Username, hash: TokenHash) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            // The user's row stands still, so that no login comes in between.
            let user = tx.query_for_update("SELECT username FROM users WHERE username = $1").bind(username.as_str());
            if user.fetch_optional().await?.is_none() {
                return Ok(false);
            }
            tx.query("DELETE FROM tokens WHERE username = $1").bind(username.as_str()).execute().await?;
            let token = tx.query("INSERT INTO tokens (hash, username, created) VALUES ($1, $2, $3)");
            token.bind(hash.as_slice()).bind(username.as_str()).bind(now()).execute().await?;
            note(&mut tx, Change::user(username, "user.tokens", Value::Null, Value::Null)).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    fn end_all_tokens(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            tx.query("DELETE FROM tokens").execute().await?;
            let (before, after) = (Value::Null, Value::Null);
            note(&mut tx, Change { subject: Subject::Platform, action: "user.tokens", before, after }).await?;
            tx.commit().await?;
            Ok(())
        })
    }
}
