use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use deis_api::{AppName, Username};

use super::caller::Caller;
use super::error::ApiError;
use crate::access::{Actor, Verb};
use crate::accounts::BuilderKey;
use crate::acting::Acting;
use crate::apps;
use crate::error::{Error, Kind};
use crate::ledger::{App, Ledger, User};
use crate::server::Workflow;

/// How a builder that is not the platform's own is known.
const KEY: &str = "x-deis-builder-auth";

/// Such a builder has called. Users are refused, whatever else they may.
pub(super) struct OutsideBuilder(());

impl FromRequestParts<Workflow> for OutsideBuilder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, workflow: &Workflow) -> Result<Self, ApiError> {
        if is_shown(parts.headers.get(KEY), workflow.builder_key.as_ref()) {
            return Ok(Self(()));
        }
        let Caller(actor) = Caller::from_request_parts(parts, workflow).await?;
        Err(match actor {
            Actor::Anonymous => Error::NotAuthenticated.into(),
            Actor::User(_) => Error::Forbidden.into(),
        })
    }
}

fn is_shown(header: Option<&HeaderValue>, key: Option<&BuilderKey>) -> bool {
    header.zip(key).is_some_and(|(header, key)| key.is(header.as_bytes()))
}

impl OutsideBuilder {
    /// The app that it comes for in a user's name, if he may push to it. What is done from here on is noted under his name.
    pub(super) async fn pushes(&self, ledger: &dyn Ledger, user: &str, app: &str) -> Result<(User, App), Error> {
        // A name that cannot be is one that is not there.
        let user = user.parse::<Username>().map_err(|_| Error::Missing(Kind::User))?;
        let app = app.parse::<AppName>().map_err(|_| Error::Missing(Kind::App))?;
        let (user, app) = apps::find_for(ledger, &user, Verb::Change, &app).await?;
        Acting::identify(&user.username);
        Ok((user, app))
    }
}
