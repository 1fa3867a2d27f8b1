//! From rows to records. What stands in the ledger was checked when it was written; a row that does not parse is a defect.

use std::collections::{BTreeMap, BTreeSet};

use deis_api::{Code, ProcType, ReleaseVersion};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::configs::probes::Healthcheck;
use crate::configs::tags::Tags;
use crate::configs::{Limits, Settings, Shape};
use crate::error::Error;
use crate::images::Pulled;
use crate::ledger::{App, Build, BuildState, Config, Domain, Key, Release, ReleaseState, Structure, User, Variables};

pub(super) fn user(row: &PgRow) -> Result<User, Error> {
    Ok(User {
        username: parsed(row, "username")?,
        email: row.try_get("email")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        is_superuser: row.try_get("is_superuser")?,
        is_staff: row.try_get("is_staff")?,
        is_active: row.try_get("is_active")?,
        last_login: row.try_get::<Option<i64>, _>("last_login")?.map(moment).transpose()?,
        joined: time(row, "joined")?,
    })
}

pub(super) fn key(row: &PgRow) -> Result<Key, Error> {
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

pub(super) fn app(row: &PgRow) -> Result<App, Error> {
    Ok(App {
        uuid: row.try_get("uuid")?,
        id: parsed(row, "id")?,
        owner: parsed(row, "owner")?,
        collaborators: names(row, "collaborators")?,
        structure: row.try_get::<Json<Structure>, _>("structure")?.0,
        desired_release: version(row, "desired_release")?,
        destroying: row.try_get::<Option<i64>, _>("destroying")?.map(moment).transpose()?,
        created: time(row, "created")?,
        updated: time(row, "updated")?,
    })
}

pub(super) fn domain(row: &PgRow) -> Result<Domain, Error> {
    Ok(Domain { domain: parsed(row, "domain")?, owner: parsed(row, "owner")?, created: time(row, "created")? })
}

pub(super) fn config(row: &PgRow) -> Result<Config, Error> {
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
pub(super) fn shape(row: &PgRow) -> Result<Shape, Error> {
    Ok(Shape {
        memory: row.try_get::<Json<Limits>, _>("memory")?.0,
        cpu: row.try_get::<Json<Limits>, _>("cpu")?.0,
        tags: row.try_get::<Json<Tags>, _>("tags")?.0,
        healthcheck: row.try_get::<Json<Healthcheck>, _>("healthcheck")?.0,
    })
}

fn variables(row: &PgRow, column: &str) -> Result<Variables, Error> {
    let entries = row.try_get::<Json<BTreeMap<String, String>>, _>(column)?.0;
    let values = entries.into_iter().map(|(key, value)| Ok((key.parse()?, SecretString::from(value))));
    values.collect::<Result<Variables, deis_api::NameError>>().map_err(broken)
}

/// Variables as they stand in the ledger.
pub(super) fn entries(values: &Variables) -> Json<BTreeMap<&str, &str>> {
    Json(values.iter().map(|(key, value)| (key.as_str(), value.expose_secret())).collect())
}

pub(super) fn build(row: &PgRow) -> Result<Build, Error> {
    let sha = row.try_get::<String, _>("sha")?;
    let state = match row.try_get::<&str, _>("state")? {
        "succeeded" => BuildState::Succeeded,
        "cancelled" => BuildState::Cancelled,
        _ => BuildState::Failed,
    };
    let code = row.try_get::<Option<String>, _>("failure_code")?;
    let message = row.try_get::<Option<String>, _>("failure")?;
    Ok(Build {
        state,
        failure: code.zip(message).map(|(code, message)| (code.parse().unwrap_or(Code::Internal), message)),
        uuid: row.try_get("uuid")?,
        owner: parsed(row, "owner")?,
        image: row.try_get("image")?,
        sha: if sha.is_empty() { None } else { Some(sha.parse().map_err(broken)?) },
        procfile: row.try_get::<Json<BTreeMap<ProcType, String>>, _>("procfile")?.0,
        dockerfile: row.try_get("dockerfile")?,
        pulled: row.try_get::<Option<Json<Pulled>>, _>("pulled")?.map(|pulled| pulled.0),
        created: time(row, "created")?,
    })
}

pub(super) fn release(row: &PgRow) -> Result<Release, Error> {
    let code = row.try_get::<Option<String>, _>("failure_code")?;
    let exception = row.try_get::<Option<String>, _>("exception")?;
    let failure = code.zip(exception).map(|(code, message)| (code.parse().unwrap_or(Code::Internal), message));
    let state = match row.try_get::<&str, _>("state")? {
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
        log_tail: row.try_get::<Option<Json<Vec<String>>>, _>("log_tail")?.map(|lines| lines.0).unwrap_or_default(),
        config: row.try_get("config")?,
        build: row.try_get("build")?,
        created: time(row, "created")?,
        updated: time(row, "updated")?,
    })
}

pub(super) fn parsed<T>(row: &PgRow, column: &str) -> Result<T, Error>
where
    T: TryFrom<String, Error = deis_api::NameError>,
{
    T::try_from(row.try_get::<String, _>(column)?).map_err(broken)
}

/// A column with an array of names.
pub(super) fn names<T>(row: &PgRow, column: &str) -> Result<BTreeSet<T>, Error>
where
    T: TryFrom<String, Error = deis_api::NameError> + Ord,
{
    let names = row.try_get::<Vec<String>, _>(column)?.into_iter().map(T::try_from);
    names.collect::<Result<_, _>>().map_err(broken)
}

pub(super) fn version(row: &PgRow, column: &str) -> Result<ReleaseVersion, Error> {
    ReleaseVersion::try_from(row.try_get::<i64, _>(column)?).map_err(broken)
}

pub(super) fn time(row: &PgRow, column: &str) -> Result<Timestamp, Error> {
    moment(row.try_get(column)?)
}

fn moment(milliseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| Error::Internal(error.into()))
}

fn broken(error: deis_api::NameError) -> Error {
    Error::Internal(error.into())
}
