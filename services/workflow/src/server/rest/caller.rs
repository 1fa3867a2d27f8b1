use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use secrecy::SecretString;

use super::error::ApiError;
use crate::access::Actor;
use crate::accounts::authenticate;
use crate::acting::Acting;
use crate::error::Error;
use crate::server::Workflow;

/// Who calls. A token that is not known is refused here, before anything else.
pub(super) struct Caller(pub(super) Actor);

impl FromRequestParts<Workflow> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, workflow: &Workflow) -> Result<Self, ApiError> {
        match token(parts) {
            Some(token) => Ok(Self(identify(authenticate(workflow.ledger.as_ref(), &token).await?))),
            None => Ok(Self(Actor::Anonymous)),
        }
    }
}

/// Who calls, with the token that he shows: whoever stays on the line is asked for it again.
pub(super) struct Bearer(pub(super) Actor, pub(super) SecretString);

impl FromRequestParts<Workflow> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, workflow: &Workflow) -> Result<Self, ApiError> {
        let token = token(parts).ok_or(Error::NotAuthenticated)?;
        Ok(Self(identify(authenticate(workflow.ledger.as_ref(), &token).await?), token))
    }
}

/// Who calls, where a token that is not known is as good as none.
pub(super) struct PerhapsCaller(pub(super) Actor);

impl FromRequestParts<Workflow> for PerhapsCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, workflow: &Workflow) -> Result<Self, ApiError> {
        let Some(token) = token(parts) else { return Ok(Self(Actor::Anonymous)) };
        match authenticate(workflow.ledger.as_ref(), &token).await {
            Ok(actor) => Ok(Self(identify(actor))),
            Err(Error::InvalidToken) => Ok(Self(Actor::Anonymous)),
            Err(error) => Err(error.into()),
        }
    }
}

/// What he does from here on is noted under his name.
fn identify(actor: Actor) -> Actor {
    if let Actor::User(user) = &actor {
        Acting::identify(&user.username);
    }
    actor
}

/// `Authorization: token <key>`; the scheme's case does not matter.
fn token(parts: &Parts) -> Option<SecretString> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("token").then(|| SecretString::from(token.trim()))
}
