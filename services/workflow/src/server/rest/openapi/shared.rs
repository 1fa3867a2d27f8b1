//! What many operations have: parameters, headers and refusals.

use std::collections::BTreeMap;

use deis_api::{Code, rest};
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{Ref, RefOr, Response};
use utoipa::{IntoParams, IntoResponses};

use super::super::pages::Paging;
use super::reference;
use crate::server::Wait;

/// What is true of everything.
pub(super) const ABOUT: &str = "The API of the controller. A slash at the end of a path is optional, and fields that are not known are \
    nothing. Every answer has the headers `DEIS_API_VERSION` and `DEIS_PLATFORM_VERSION`, and every refusal has a stable code in \
    `Deis-Error-Code`. A defect of the platform is 500 with `{\"detail\": \"Server Error\"}`; no request is meant to have this answer.";

macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident: $($status:literal)+;)+) => {$(
        $(#[doc = $doc])+
        pub(in super::super) enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let refusal = |status: &str| (status.to_owned(), RefOr::Ref(Ref::from_response_name(status)));
                [$(stringify!($status)),+].map(refusal).into()
            }
        }
    )+};
}

refusals! {
    /// Of whoever must have an account.
    OfAccount: 401;
    /// Of whoever must be an administrator.
    OfAdministrator: 401 403;
    /// Of whatever is asked of an app.
    OfApp: 401 403 404;
    /// Of whatever changes an app, which may be on its way out or in the midst of a deploy.
    OfChange: 401 403 404 409;
    /// Of a body, or of a header that stands beside it.
    OfBody: 400 413;
    /// Of what a builder is asked for.
    OfBuilder: 400 504;
    /// Of a query or a header that cannot be read.
    BadRequest: 400;
    /// Of what is not everybody's.
    Forbidden: 403;
    /// Of what is not there.
    NotFound: 404;
    /// Of what cannot be now, and of what would change nothing.
    Conflict: 409;
    /// Of what is unset and was not set.
    NotSet: 422;
}

/// Refusals of any request: for how it comes, how many there are, and what is away.
pub(super) const OF_ANY: [&str; 5] = ["408", "414", "429", "431", "503"];

/// Refusals of changes that take a key of their request: it is none; what the first has answered may not be seen any more, or is gone;
/// somebody is at it; the key is another request's.
pub(super) const OF_KEYED: [&str; 5] = ["400", "403", "404", "409", "422"];

/// What each refusal means.
const REFUSALS: [(u16, &str); 13] = [
    (
        400,
        "The body, a field of it, a parameter or a header is not as it must be, or the state of the app does not allow it.",
    ),
    (401, "No credentials were given, or such as are not known."),
    (403, "Whoever asks may not do this."),
    (404, "What was named is not there."),
    (409, "Something else is under way, it is there already, or nothing would change."),
    (408, "The request came too slowly."),
    (413, "The body is larger than 1 MiB, or what it asks for is larger than may be."),
    (414, "The path and the query are too long."),
    (422, "What is to be unset is not set, or the key was given to another request."),
    (429, "There are too many requests or attempts; `Retry-After` says when to try again."),
    (431, "The headers are too many or too long."),
    (
        503,
        "A part that is needed cannot be reached, or did not bring about what was asked for; the message says which.",
    ),
    (504, "No answer came in time."),
];

pub(super) fn responses() -> Value {
    let response = |(status, meaning): (u16, &str)| {
        let mut headers = headers_of(&status.to_string());
        if let Some(headers) = headers.as_object_mut() {
            headers.insert("Deis-Error-Code".to_owned(), reference("headers", "Deis-Error-Code"));
        }
        let schema = reference("schemas", "ErrorBody");
        let content = json!({ "application/json": { "schema": schema } });
        (status.to_string(), json!({ "description": meaning, "headers": headers, "content": content }))
    };
    Value::Object(REFUSALS.into_iter().map(response).collect())
}

/// The headers of an answer with a status.
pub(super) fn headers_of(status: &str) -> Value {
    let more: &[&str] = match status {
        "202" => &["Location", "Preference-Applied"],
        "401" => &["WWW-Authenticate"],
        "429" | "503" => &["Retry-After"],
        _ => &[],
    };
    let names = ["DEIS_API_VERSION", "DEIS_PLATFORM_VERSION"].iter().chain(more);
    Value::Object(names.map(|name| ((*name).to_owned(), reference("headers", name))).collect())
}

pub(super) fn headers() -> Value {
    let codes = Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>();
    let text = || json!({ "type": "string" });
    let header = |description: &str, is_required: bool, schema: Value| json!({ "description": description, "required": is_required, "schema": schema });
    json!({
        "DEIS_API_VERSION": header("The version of this API.", true, json!({ "type": "string", "const": rest::API_VERSION })),
        "DEIS_PLATFORM_VERSION": header("The version of the platform.", true, text()),
        "Deis-Error-Code": header("Why, as a stable code; docs/reference/error-codes.md says what each means.", true, json!({ "type": "string", "enum": codes })),
        "Idempotent-Replayed": header("`true`, where the request was answered before.", false, text()),
        "Location": header("Where the deploy can be watched, if a release was made.", false, text()),
        "Preference-Applied": header("`respond-async`.", true, text()),
        "Retry-After": header("In how many seconds it is worth trying again, if that is known.", false, json!({ "type": "integer" })),
        "WWW-Authenticate": header("`Token`.", true, text()),
    })
}

pub(super) fn security_schemes() -> Value {
    json!({
        "token": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`token` and the token that a login answers: `Authorization: token 0123…`.",
        },
        "builder": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Deis-Builder-Auth",
            "description": "The key of an outside builder, where an operator has set one; without it these paths are not there.",
        },
    })
}

/// The query of an app's log.
pub(in super::super) enum Lines {}

/// Of a list, what has to do with one user.
pub(in super::super) enum OfUser {}

/// The key of a request that its handler alone knows again, without what else is made of keys.
pub(in super::super) enum OwnKey {}

macro_rules! named_parameters {
    ($($of:ty: $($name:literal)+;)+) => {$(
        impl IntoParams for $of {
            fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                [$($name),+].map(Parameter::new).into()
            }
        }
    )+};
}

named_parameters! {
    Paging: "limit" "offset";
    Wait: "Prefer";
    Lines: "log_lines" "process" "since" "follow";
    OfUser: "of_user";
    OwnKey: "Idempotency-Key";
}

/// All parameters, by the name that they have in paths, queries and headers.
pub(super) fn parameters() -> Value {
    let parameter = |place: &str, name: &str, description: &str, schema: Value| {
        let is_required = place == "path";
        let parameter =
            json!({ "name": name, "in": place, "required": is_required, "description": description, "schema": schema });
        (name.to_owned(), parameter)
    };
    let path = |name: &str, description: &str| {
        parameter("path", name, description, json!({ "type": "string", "minLength": 1 }))
    };
    let query = |name: &str, description: &str, schema: Value| parameter("query", name, description, schema);
    let header = |name: &str, description: &str, schema: Value| parameter("header", name, description, schema);
    // In the query, a user has the name that one in a path has.
    let (_name, of_user) =
        query("user", "The user who did it, or whose account it is.", json!({ "type": "string", "maxLength": 150 }));
    let all = [
        ("of_user".to_owned(), of_user),
        path("app", "The app's name."),
        path("domain", "The domain, in either encoding."),
        path("fingerprint", "The fingerprint of a key."),
        path("id", "The key's id."),
        path("name", "The name of the certificate, or of the pod."),
        path("other", "The release to compare with: `v3`."),
        path("type", "The process type: `web`."),
        path("user", "The name of the user who pushes."),
        path("username", "The user's name."),
        path("uuid", "The build's UUID."),
        path("version", "The release: `v2`."),
        query(
            "limit",
            "The longest that the page may be; at most 10000.",
            json!({ "type": "integer", "default": rest::DEFAULT_LIMIT }),
        ),
        query("offset", "How many entries to leave out before the page.", json!({ "type": "integer", "default": 0 })),
        query("log_lines", "How many lines at most.", json!({ "type": "integer", "minimum": 1, "default": 100 })),
        query(
            "process",
            "The process type whose lines they are; those of all, and what happened to the app, without it.",
            json!({ "type": "string" }),
        ),
        query(
            "since",
            "The time after which they were written, or how long ago that was: `10m`.",
            json!({ "type": "string" }),
        ),
        query(
            "follow",
            "Whether the answer goes on with what is written later.",
            json!({ "type": "boolean", "default": false }),
        ),
        header(
            "Prefer",
            "`respond-async` (RFC 7240): answers 202 as soon as the change is recorded.",
            json!({ "type": "string" }),
        ),
        header(
            "Idempotency-Key",
            "16 to 64 characters that make a repeated request recognisable: a repeat is answered as the first, and nothing is done twice.",
            json!({ "type": "string", "pattern": "^[!-~]{16,64}$" }),
        ),
    ];
    Value::Object(Map::from_iter(all))
}
