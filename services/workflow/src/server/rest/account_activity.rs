use std::collections::HashMap;

use axum::Json;
use axum::extract::{Query, State};
use deis_api::{Username, rest};
use reqwest::Url;

use super::activity::shown;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{BadRequest, OfAdministrator, OfUser};
use super::pages::Paging;
use crate::access::{Object as Of, Verb, authorise};
use crate::error::Error;
use crate::server::Reading;

/// `GET /v2/admin/activity/`: who did what to accounts, keys, certificates and administrators, the newest first. With `user` it is what this
/// user did to any of them, and what was done to his account; that he is there no more is no reason not to tell.
#[utoipa::path(
    get, path = "/v2/admin/activity/", operation_id = "administrators_activity",
    params(Paging, OfUser),
    responses((status = 200, body = rest::Page<rest::AccountActivity>), BadRequest, OfAdministrator)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Query(parameters): Query<HashMap<String, String>>,
    paging: Paging,
) -> Result<Json<rest::Page<rest::AccountActivity>>, ApiError> {
    authorise(&actor, Verb::Read, Of::Users)?;
    // An empty parameter is one that is not given.
    let user = parameters.get("user").filter(|name| !name.is_empty());
    let user = user.map(|name| name.parse::<Username>()).transpose().map_err(Error::name("user"))?;
    let entries = reading.ledger.account_activity(user.as_ref(), paging.window).await?;
    let mut page = paging.page(entries, |found| rest::AccountActivity {
        account: found.account.map(|username| username.to_string()),
        activity: shown(found.entry),
    });
    if let Some(user) = &user {
        page.next = page.next.map(|address| of_user(&address, user));
        page.previous = page.previous.map(|address| of_user(&address, user));
    }
    Ok(Json(page))
}

/// The address of a neighbour, which has to be of the same user.
fn of_user(address: &str, user: &Username) -> String {
    match Url::parse_with_params("http://localhost/", [("user", user.as_str())]) {
        Ok(encoded) => format!("{address}&{}", encoded.query().unwrap_or_default()),
        Err(_never) => address.to_owned(),
    }
}
