//! From rows to records. What stands in the ledger was checked when it was written; a row that does not parse is a defect.

use std::collections::{BTreeMap, BTreeSet};

use deis_api::{CertificateDigest, Code, Hostname, ProcType, ReleaseVersion};
use deis_kube::objects::Rules;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;
use sqlx::types::Json;

use super::Row;
use crate::configs::lifecycle::{GracePeriods, Hooks};
use crate::configs::probes::Healthcheck;
use crate::configs::tags::Tags;
use crate::configs::{Limits, Settings, Shape};
use crate::error::Error;
use crate::images::Pulled;
use crate::ledger::{
    App, AppSettings, Autoscales, Build, BuildState, Config, Domain, Key, Labels, ListedApp, Release, ReleaseState,
    Structure, User, Variables,
};

pub(super) fn user(row: &Row) -> Result<User, Error> {
    Ok(User {
        username: parsed(row, "username")?,
        email: row.try_get("email")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        is_superuser: row.try_get("is_superuser")?,
        is_staff: row.try_get("is_staff")?,
        is_active: row.try_get("is_active")?,
        last_login: row.try_get::<Option<i64>>("last_login")?.map(moment).transpose()?,
        joined: time(row, "joined")?,
    })
}

pub(super) fn key(row: &Row) -> Result<Key, Error> {
    Ok(Key {
        uuid: row.try_get("uuid")?,
        owner: parsed(row, "owner")?,
        id: parsed(row, "id")?,
        public: row.try_get("public")?,
        blob: row.try_get("blob")?,
        fingerprint: row.try_get("fingerprint")?,
        created: time(row, "created")?,
    })
}

pub(super) fn app(row: &Row) -> Result<App, Error> {
    Ok(App {
        uuid: row.try_get("uuid")?,
        id: parsed(row, "id")?,
        owner: parsed(row, "owner")?,
        collaborators: names(row, "collaborators")?,
        allow_root: row.try_get("allow_root")?,
        structure: structure(row)?,
        procfile: procfile(row)?,
        settings: app_settings(row)?,
        autoscaled: autoscaled(row)?,
        desired_release: version(row, "desired_release")?,
        destroying: row.try_get::<Option<i64>>("destroying")?.map(moment).transpose()?,
        created: time(row, "created")?,
        updated: time(row, "updated")?,
    })
}

/// An app of a list, unless the row has none.
pub(super) fn listed_app(row: &Row) -> Result<Option<ListedApp>, Error> {
    let Some(id) = row.try_get::<Option<String>>("id")? else { return Ok(None) };
    Ok(Some(ListedApp {
        uuid: row.try_get("uuid")?,
        id: id.try_into().map_err(broken)?,
        owner: parsed(row, "owner")?,
        allow_root: row.try_get("allow_root")?,
        structure: row.try_get::<Json<Box<RawValue>>>("structure")?.0,
        procfile: row.try_get::<Json<Box<RawValue>>>("procfile")?.0,
        is_going: row.try_get::<Option<i64>>("destroying")?.is_some(),
        created: time(row, "created")?,
        updated: time(row, "updated")?,
    }))
}

/// Process type to replicas asked for.
pub(super) fn structure(row: &Row) -> Result<Structure, Error> {
    Ok(row.try_get::<Json<Structure>>("structure")?.0)
}

/// What was said about an app that makes no release.
fn app_settings(row: &Row) -> Result<AppSettings, Error> {
    let labels = row.try_get::<Json<Labels>>("labels")?.0;
    Ok(AppSettings { rules: rules(row)?, autoscale: autoscale(row)?, labels })
}

/// How the routers are to serve an app.
pub(super) fn rules(row: &Row) -> Result<Rules, Error> {
    Ok(row.try_get::<Json<Rules>>("rules")?.0)
}

/// Process type to the rule that it is scaled by.
pub(super) fn autoscale(row: &Row) -> Result<Autoscales, Error> {
    Ok(row.try_get::<Json<Autoscales>>("autoscale")?.0)
}

/// Process type to the release whose controller has its number.
pub(super) fn autoscaled(row: &Row) -> Result<BTreeMap<ProcType, ReleaseVersion>, Error> {
    Ok(row.try_get::<Json<BTreeMap<ProcType, ReleaseVersion>>>("autoscaled")?.0)
}

pub(super) fn domain(row: &Row) -> Result<Domain, Error> {
    Ok(Domain { domain: parsed(row, "domain")?, owner: parsed(row, "owner")?, created: time(row, "created")? })
}

pub(super) fn config(row: &Row) -> Result<Config, Error> {
    Ok(Config {
        uuid: row.try_get("uuid")?,
        owner: parsed(row, "owner")?,
        settings: Settings {
            values: variables(row, "entries")?,
            registry: variables(row, "registry")?,
            shape: shape(row)?,
        },
        created: time(row, "created")?,
    })
}

/// The shape of an app's pods, from a row with the columns of a config.
pub(super) fn shape(row: &Row) -> Result<Shape, Error> {
    Ok(Shape {
        memory: row.try_get::<Json<Limits>>("memory")?.0,
        cpu: row.try_get::<Json<Limits>>("cpu")?.0,
        tags: row.try_get::<Json<Tags>>("tags")?.0,
        healthcheck: row.try_get::<Json<Healthcheck>>("healthcheck")?.0,
        post_start: row.try_get::<Json<Hooks>>("post_start")?.0,
        pre_stop: row.try_get::<Json<Hooks>>("pre_stop")?.0,
        grace_periods: row.try_get::<Json<GracePeriods>>("grace_periods")?.0,
    })
}

fn variables(row: &Row, column: &str) -> Result<Variables, Error> {
    let entries = row.try_get::<Json<BTreeMap<String, String>>>(column)?.0;
    let values = entries.into_iter().map(|(key, value)| Ok((key.parse()?, SecretString::from(value))));
    values.collect::<Result<Variables, deis_api::NameError>>().map_err(broken)
}

/// Variables as they stand in the ledger.
pub(super) fn entries(values: &Variables) -> Json<BTreeMap<&str, &str>> {
    Json(values.iter().map(|(key, value)| (key.as_str(), value.expose_secret())).collect())
}

/// Process type to command; none where there is no build.
pub(super) fn procfile(row: &Row) -> Result<BTreeMap<ProcType, String>, Error> {
    let procfile = row.try_get::<Option<Json<BTreeMap<ProcType, String>>>>("procfile")?;
    Ok(procfile.map(|procfile| procfile.0).unwrap_or_default())
}

/// What an image from elsewhere says about itself.
pub(super) fn pulled(row: &Row) -> Result<Option<Pulled>, Error> {
    Ok(row.try_get::<Option<Json<Pulled>>>("pulled")?.map(|pulled| pulled.0))
}

pub(super) fn build(row: &Row) -> Result<Build, Error> {
    let sha = row.try_get::<String>("sha")?;
    let state = match row.try_get::<String>("state")?.as_str() {
        "succeeded" => BuildState::Succeeded,
        "cancelled" => BuildState::Cancelled,
        _ => BuildState::Failed,
    };
    let code = row.try_get::<Option<String>>("failure_code")?;
    let message = row.try_get::<Option<String>>("failure")?;
    Ok(Build {
        state,
        failure: code.zip(message).map(|(code, message)| (code.parse().unwrap_or(Code::Internal), message)),
        uuid: row.try_get("uuid")?,
        owner: parsed(row, "owner")?,
        image: row.try_get("image")?,
        sha: if sha.is_empty() { None } else { Some(sha.parse().map_err(broken)?) },
        procfile: procfile(row)?,
        dockerfile: row.try_get("dockerfile")?,
        pulled: pulled(row)?,
        created: time(row, "created")?,
    })
}

pub(super) fn release(row: &Row) -> Result<Release, Error> {
    let code = row.try_get::<Option<String>>("failure_code")?;
    let exception = row.try_get::<Option<String>>("exception")?;
    let failure = code.zip(exception).map(|(code, message)| (code.parse().unwrap_or(Code::Internal), message));
    let state = match row.try_get::<String>("state")?.as_str() {
        "deploying" => ReleaseState::Deploying,
        "good" => ReleaseState::Good,
        _ => ReleaseState::Failed,
    };
    Ok(Release {
        uuid: row.try_get("uuid")?,
        version: version(row, "version")?,
        owner: parsed(row, "owner")?,
        summary: row.try_get("summary")?,
        state,
        failure,
        log_tail: row.try_get::<Option<Json<Vec<String>>>>("log_tail")?.map(|lines| lines.0).unwrap_or_default(),
        config: row.try_get("config")?,
        build: row.try_get("build")?,
        created: time(row, "created")?,
        updated: time(row, "updated")?,
    })
}

pub(super) fn parsed<T>(row: &Row, column: &str) -> Result<T, Error>
where
    T: TryFrom<String, Error = deis_api::NameError>,
{
    T::try_from(row.try_get::<String>(column)?).map_err(broken)
}

/// A column with words, with spaces between them.
pub(super) fn words(row: &Row, column: &str) -> Result<Vec<String>, Error> {
    let words = row.try_get::<Option<String>>(column)?.unwrap_or_default();
    Ok(words.split_ascii_whitespace().map(str::to_owned).collect())
}

/// A column with names, with spaces between them.
pub(super) fn names<T>(row: &Row, column: &str) -> Result<BTreeSet<T>, Error>
where
    T: TryFrom<String, Error = deis_api::NameError> + Ord,
{
    let names = words(row, column)?.into_iter().map(T::try_from);
    names.collect::<Result<_, _>>().map_err(broken)
}

/// Which domain has which certificate: a column of pairs, with spaces between them and within.
pub(super) fn certificates(row: &Row) -> Result<BTreeMap<Hostname, CertificateDigest>, Error> {
    let (mut words, mut pairs) = (words(row, "certificates")?.into_iter(), BTreeMap::new());
    while let Some((domain, digest)) = words.next().zip(words.next()) {
        pairs.insert(domain.parse().map_err(broken)?, digest.parse().map_err(broken)?);
    }
    Ok(pairs)
}

pub(super) fn version(row: &Row, column: &str) -> Result<ReleaseVersion, Error> {
    ReleaseVersion::try_from(row.try_get::<i64>(column)?).map_err(broken)
}

pub(super) fn time(row: &Row, column: &str) -> Result<Timestamp, Error> {
    moment(row.try_get(column)?)
}

pub(super) fn moment(milliseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| Error::Internal(error.into()))
}

fn broken(error: deis_api::NameError) -> Error {
    Error::Internal(error.into())
}
