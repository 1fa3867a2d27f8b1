use std::collections::BTreeSet;

use deis_api::{AppName, CertName, Code, Hostname, Username};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::domains::want;
use super::{Row, SqlLedger, note, now, rows};
use crate::error::{Error, Kind};
use crate::ledger::certificates::About;
use crate::ledger::{Answer, Certificate, CertificateTexts, Certificates, Change, Listed, NewCertificate, Window};

impl Certificates for SqlLedger {
    fn certificates<'a>(&'a self, owner: &'a Username, window: Window) -> Answer<'a, Listed<Certificate>> {
        Box::pin(async move {
            let total =
                self.database.query("SELECT count(*) AS total FROM certs WHERE owner = $1").bind(owner.as_str());
            let total = total.fetch_one().await?.try_get("total")?;
            let found = self.database.query(
                "SELECT certs.*, (SELECT string_agg(domain, ' ') FROM domains WHERE certificate = certs.id) AS domains
                 FROM certs WHERE owner = $1 ORDER BY name LIMIT $2 OFFSET $3",
            );
            let found = found.bind(owner.as_str()).bind(window.limit).bind(window.offset).fetch_all().await?;
            Ok(Listed { total, items: found.iter().map(certificate).collect::<Result<_, _>>()? })
        })
    }

    fn certificate<'a>(&'a self, name: &'a CertName) -> Answer<'a, Option<Certificate>> {
        Box::pin(async move {
            let found = self.database.query(
                "SELECT certs.*, (SELECT string_agg(domain, ' ') FROM domains WHERE certificate = certs.id) AS domains
                 FROM certs WHERE name = $1",
            );
            found.bind(name.as_str()).fetch_optional().await?.as_ref().map(certificate).transpose()
        })
    }

    fn add_certificate<'a>(&'a self, new: &'a NewCertificate) -> Answer<'a, Certificate> {
        Box::pin(async move {
            let (about, texts) = (&new.about, &new.texts);
            let mut tx = self.database.begin().await?;
            let added = tx.query(
                "INSERT INTO certs (name, owner, chain, key, digest, common_name, san, fingerprint, starts, expires,
                                    issuer, subject, created)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                 ON CONFLICT DO NOTHING RETURNING *, '' AS domains",
            );
            let added = added.bind(new.name.as_str()).bind(new.owner.as_str()).bind(texts.chain.as_str());
            let added = added.bind(texts.key.expose_secret()).bind(texts.digest.as_str());
            let added = added.bind(about.common_name.as_deref()).bind(about.san.join(" "));
            let added = added.bind(about.fingerprint.as_str()).bind(about.starts.as_millisecond());
            let added = added.bind(about.expires.as_millisecond()).bind(about.issuer.as_str());
            let added = added.bind(about.subject.as_str()).bind(now()).fetch_optional().await?;
            if let Some(row) = added {
                let added = certificate(&row)?;
                let after = json!({ "name": new.name.as_str(), "fingerprint": about.fingerprint });
                note(&mut tx, Change::user(&new.owner, "cert.add", Value::Null, after)).await?;
                tx.commit().await?;
                return Ok(added);
            }
            // Who asks again because the first answer was lost must be able to tell.
            let same = tx.query("SELECT 1 FROM certs WHERE name = $1 AND owner = $2 AND digest = $3");
            let same = same.bind(new.name.as_str()).bind(new.owner.as_str()).bind(texts.digest.as_str());
            let is_same = same.fetch_optional().await?.is_some();
            let code = if is_same { Code::NothingChanged } else { Code::AlreadyExists };
            let message = "Certificate with this name already exists.".to_owned();
            Err(Error::Field { field: "name", message, code })
        })
    }

    fn delete_certificate<'a>(&'a self, name: &'a CertName) -> Answer<'a, Option<BTreeSet<AppName>>> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let row = tx.query_for_update("SELECT id, owner FROM certs WHERE name = $1").bind(name.as_str());
            let Some(row) = row.fetch_optional().await? else { return Ok(None) };
            let id = row.try_get::<i64>("id")?;
            let freed = tx.query("UPDATE domains SET certificate = NULL WHERE certificate = $1 RETURNING app");
            let freed = freed.bind(id).fetch_all().await?;
            let apps = freed.iter().map(|row| rows::parsed(row, "app")).collect::<Result<BTreeSet<AppName>, _>>()?;
            let before = json!({ "name": name.as_str() });
            for app in &apps {
                want(&mut tx, app).await?;
                note(&mut tx, Change::app(app, "cert.detach", before.clone(), Value::Null)).await?;
            }
            tx.query("DELETE FROM certs WHERE id = $1").bind(id).execute().await?;
            note(&mut tx, Change::user(&rows::parsed(&row, "owner")?, "cert.remove", before, Value::Null)).await?;
            tx.commit().await?;
            Ok(Some(apps))
        })
    }

    fn app_of_domain<'a>(&'a self, domain: &'a Hostname) -> Answer<'a, Option<AppName>> {
        Box::pin(async move {
            let row = self.database.query("SELECT app FROM domains WHERE domain = $1").bind(domain.as_str());
            row.fetch_optional().await?.as_ref().map(|row| rows::parsed(row, "app")).transpose()
        })
    }

    fn attach<'a>(&'a self, name: &'a CertName, app: &'a AppName, domain: &'a Hostname) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            // It stays until this is through: who deletes it takes it from this domain too.
            let row = tx.query_for_update("SELECT id FROM certs WHERE name = $1").bind(name.as_str());
            let row = row.fetch_optional().await?.ok_or(Error::Missing(Kind::Certificate))?;
            let id = row.try_get::<i64>("id")?;
            let attached =
                tx.query("UPDATE domains SET certificate = $1 WHERE domain = $2 AND app = $3 AND certificate IS NULL");
            let attached = attached.bind(id).bind(domain.as_str()).bind(app.as_str()).execute().await? > 0;
            if attached {
                want(&mut tx, app).await?;
                let after = json!({ "name": name.as_str(), "domain": domain.as_str() });
                note(&mut tx, Change::app(app, "cert.attach", Value::Null, after)).await?;
                tx.commit().await?;
                return Ok(());
            }
            let other = tx.query("SELECT certificate FROM domains WHERE domain = $1 AND app = $2");
            let other = other.bind(domain.as_str()).bind(app.as_str()).fetch_optional().await?;
            let other = other.ok_or(Error::Missing(Kind::Domain))?.try_get::<Option<i64>>("certificate")?;
            // Who asks again because the first answer was lost must be able to tell.
            let code = if other == Some(id) { Code::NothingChanged } else { Code::AlreadyExists };
            Err(Error::refused(code, "Domain already has a certificate attached to it"))
        })
    }

    fn detach<'a>(&'a self, name: &'a CertName, app: &'a AppName, domain: &'a Hostname) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut tx = self.database.begin().await?;
            let detached = tx.query(
                "UPDATE domains SET certificate = NULL
                 WHERE domain = $1 AND app = $2 AND certificate = (SELECT id FROM certs WHERE name = $3)",
            );
            let detached = detached.bind(domain.as_str()).bind(app.as_str()).bind(name.as_str()).execute().await? > 0;
            if detached {
                want(&mut tx, app).await?;
                let before = json!({ "name": name.as_str(), "domain": domain.as_str() });
                note(&mut tx, Change::app(app, "cert.detach", before, Value::Null)).await?;
            }
            tx.commit().await?;
            Ok(detached)
        })
    }

    fn texts_of_app<'a>(&'a self, app: &'a AppName) -> Answer<'a, Vec<CertificateTexts>> {
        Box::pin(async move {
            let found = self.database.query(
                "SELECT digest, chain, key FROM certs
                 WHERE id IN (SELECT certificate FROM domains WHERE app = $1) ORDER BY digest, id",
            );
            let found = found.bind(app.as_str()).fetch_all().await?;
            let mut texts = found.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
            // One that was added twice, under two names.
            texts.dedup_by(|one, other| one.digest == other.digest);
            Ok(texts)
        })
    }
}

fn certificate(row: &Row) -> Result<Certificate, Error> {
    Ok(Certificate {
        id: row.try_get("id")?,
        name: rows::parsed(row, "name")?,
        owner: rows::parsed(row, "owner")?,
        domains: rows::names(row, "domains")?,
        about: About {
            common_name: row.try_get("common_name")?,
            san: rows::words(row, "san")?,
            fingerprint: row.try_get("fingerprint")?,
            starts: rows::time(row, "starts")?,
            expires: rows::time(row, "expires")?,
            issuer: row.try_get("issuer")?,
            subject: row.try_get("subject")?,
        },
        created: rows::time(row, "created")?,
    })
}

fn texts(row: &Row) -> Result<CertificateTexts, Error> {
    Ok(CertificateTexts {
        digest: rows::parsed(row, "digest")?,
        chain: row.try_get("chain")?,
        key: SecretString::from(row.try_get::<String>("key")?),
    })
}
