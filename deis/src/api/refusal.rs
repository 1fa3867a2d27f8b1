//! What the person reads when the controller says no.

use deis_api::Code;
use deis_api::rest::ErrorBody;
use deis_cli::Failure;
use reqwest::StatusCode;

/// An answer that is no success.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    status: StatusCode,
    code: Option<String>,
    message: String,
}

/// How the server's text must read for a line of the table to apply.
enum Match {
    Is(&'static str),
    Contains(&'static str),
    Any,
}

impl Match {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Is(expected) => text == *expected,
            Self::Contains(part) => text.contains(part),
            Self::Any => true,
        }
    }
}

const BLANK: Match = Match::Is("This field may not be blank.");
const USERNAME: &str = "Enter a valid username. This value may contain only letters, numbers and @/./+/-/_ characters.";
const NAME: &str = "Name can only contain a-z (lowercase), 0-9 and hyphens";

/// A 401 that is about a password in the body; the token is as good as it was.
const WRONG_PASSWORD: &str = "Current password does not match";

const UNKNOWN_PROCESS: &str = "Pod not found in application";

/// Texts about a field of a request (400), and what they are told as; the contract's table.
const FIELDS: &[(&str, Match, &str)] = &[
    ("username", BLANK, USERNAME),
    ("username", Match::Is(USERNAME), USERNAME),
    ("username", Match::Is("A user with that username already exists."), "A user with that username already exists."),
    ("password", BLANK, "A Password is required"),
    (
        "non_field_errors",
        Match::Is("Unable to log in with provided credentials."),
        "Unable to log in with provided credentials.",
    ),
    (
        "id",
        Match::Is("App name can only contain a-z (lowercase), 0-9 and hyphens"),
        "App name can only contain a-z (lowercase), 0-9 and hyphens",
    ),
    ("id", Match::Is("Application with this id already exists."), "Application with this id already exists."),
    ("id", BLANK, "An id is required"),
    ("key", BLANK, "A key is required"),
    ("public", BLANK, "A key is required"),
    ("public", Match::Is("Key contains invalid base64 chars"), "A key is required"),
    ("key", Match::Is("Public Key is already in use"), "Public Key is already in use"),
    ("public", Match::Is("Public Key is already in use"), "Public Key is already in use"),
    ("certificate", BLANK, "Could not load certificate"),
    ("certificate", Match::Contains("Could not load certificate"), "Could not load certificate"),
    ("name", BLANK, NAME),
    ("name", Match::Is("Can only contain a-z (lowercase), 0-9 and hyphens"), NAME),
    ("domain", Match::Is("Hostname does not look valid."), "Hostname does not look valid."),
    (
        "domain",
        Match::Is("Domain is already in use by another application"),
        "Domain is already in use by another application",
    ),
    ("image", BLANK, "The given image is invalid"),
    ("email", Match::Any, "Enter a valid email address."),
    ("detail", Match::Contains("does not exist in application"), UNKNOWN_PROCESS),
    ("detail", Match::Contains("version cannot be below 0"), "The given version is invalid"),
    ("detail", Match::Contains("No nodes matched the provided labels"), "No nodes matched the provided labels"),
];

impl Refused {
    pub fn new(status: StatusCode, code: Option<String>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let known = serde_json::from_slice(body).ok();
        let message = told(status, known.as_ref(), &text).unwrap_or_else(|| match (&code, known.as_ref()) {
            (Some(_), Some(body)) => sentence(body),
            _ => format!("Unknown Error ({}): {}", status.as_u16(), text.replace("\\n", "\n")),
        });
        Self { status, code, message }
    }

    /// The app in the path is not there.
    pub fn is_unknown_app(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.message.contains("No App matches")
    }

    /// The app has no process of the type or name in the path.
    pub fn is_unknown_process(&self) -> bool {
        self.message == UNKNOWN_PROCESS || self.message.contains("does not exist in application")
    }

    /// The server could not do it just now.
    pub fn is_passing(&self) -> bool {
        self.status.is_server_error()
    }

    /// Its code, unless it has none or one that is newer than this program.
    pub fn code(&self) -> Option<Code> {
        self.code.as_ref()?.parse().ok()
    }

    /// With its code, and the next step where there is one.
    pub fn into_failure(self) -> Failure {
        let (status, code) = (self.status, self.code.clone());
        let wants_token = status == StatusCode::UNAUTHORIZED && self.message != WRONG_PASSWORD;
        let failure = Failure::from(self);
        let failure = if wants_token { failure.hint("'deis login <controller>' gets a token.") } else { failure };
        code.into_iter().fold(failure, Failure::code)
    }
}

/// What the contract says is told of this answer.
fn told(status: StatusCode, body: Option<&ErrorBody>, text: &str) -> Option<String> {
    let message = match (status, body) {
        (StatusCode::BAD_REQUEST, Some(body)) => return field_text(body).map(str::to_owned),
        (StatusCode::UNAUTHORIZED, Some(ErrorBody::Detail { detail })) if detail == WRONG_PASSWORD => WRONG_PASSWORD,
        (StatusCode::UNAUTHORIZED, _) => "Unauthorized: Missing or Invalid Token",
        // More than the contract says where the server says more: "it is the platform's own registry".
        (StatusCode::FORBIDDEN, Some(ErrorBody::Detail { detail })) => return Some(detail.clone()),
        (StatusCode::FORBIDDEN, _) => "You do not have permission to perform this action.",
        (StatusCode::NOT_FOUND, _) if text.is_empty() => "Not Found",
        (StatusCode::NOT_FOUND, body) => return Some(not_found(body, text)),
        (StatusCode::METHOD_NOT_ALLOWED, _) => "Method Not Allowed",
        (StatusCode::CONFLICT, Some(ErrorBody::Detail { detail }))
            if detail.contains("still has applications assigned") =>
        {
            "Failed to delete user because the user still has applications assigned. Delete or transfer ownership."
        }
        (StatusCode::UNPROCESSABLE_ENTITY, Some(ErrorBody::Detail { detail })) => {
            return Some(format!("Unable to process your request: {detail}"));
        }
        (StatusCode::INTERNAL_SERVER_ERROR, _) => "Internal Server Error",
        _ => return None,
    };
    Some(message.to_owned())
}

/// The body as it is, with the quotes of a JSON string; out of an object, its sentence.
fn not_found(body: Option<&ErrorBody>, text: &str) -> String {
    match body {
        Some(ErrorBody::Detail { detail }) => detail.clone(),
        _ => text.to_owned(),
    }
}

fn field_text(body: &ErrorBody) -> Option<&'static str> {
    let find = |field: &str, text: &str| {
        FIELDS.iter().find(|(name, expected, _)| *name == field && expected.fits(text)).map(|(.., told)| *told)
    };
    match body {
        ErrorBody::Detail { detail } => find("detail", detail),
        ErrorBody::Fields(fields) => {
            fields.iter().find_map(|(field, texts)| texts.iter().find_map(|text| find(field, text)))
        }
        ErrorBody::Text(_) | ErrorBody::List(_) => None,
    }
}

/// The server's own words.
fn sentence(body: &ErrorBody) -> String {
    match body {
        ErrorBody::Detail { detail } | ErrorBody::Text(detail) => detail.clone(),
        ErrorBody::List(texts) => texts.join(" "),
        ErrorBody::Fields(fields) => {
            fields.iter().map(|(field, texts)| format!("{field}: {}", texts.join(" "))).collect::<Vec<_>>().join("\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(status: u16, code: Option<&str>, body: &str) -> String {
        Refused::new(StatusCode::from_u16(status).unwrap(), code.map(str::to_owned), body.as_bytes()).to_string()
    }

    #[test]
    fn every_line_of_the_contracts_table_is_told() {
        let table = [
            (400, r#"{"username": ["This field may not be blank."]}"#),
            (400, r#"{"username": ["A user with that username already exists."]}"#),
            (400, r#"{"password": ["This field may not be blank."]}"#),
            (400, r#"{"non_field_errors": ["Unable to log in with provided credentials."]}"#),
            (400, r#"{"id": ["App name can only contain a-z (lowercase), 0-9 and hyphens"]}"#),
            (400, r#"{"id": ["Application with this id already exists."]}"#),
            (400, r#"{"id": ["This field may not be blank."]}"#),
            (400, r#"{"public": ["Key contains invalid base64 chars"]}"#),
            (400, r#"{"key": ["Public Key is already in use"]}"#),
            (400, r#"{"certificate": ["Could not load certificate: no PEM"]}"#),
            (400, r#"{"name": ["Can only contain a-z (lowercase), 0-9 and hyphens"]}"#),
            (400, r#"{"domain": ["Hostname does not look valid."]}"#),
            (400, r#"{"image": ["This field may not be blank."]}"#),
            (400, r#"{"email": ["whatever"]}"#),
            (400, r#"{"detail": "Container type x does not exist in application"}"#),
            (400, r#"{"detail": "version cannot be below 0"}"#),
            (400, r#"{"detail": "No nodes matched the provided labels: disk=ssd"}"#),
            (400, r#"{"id": ["deis is a reserved name."]}"#),
            (400, r#"{"detail": "(app::deploy): it broke\nbadly"}"#),
            (401, r#"{"detail": "Invalid token."}"#),
            (401, r#"{"detail": "Current password does not match"}"#),
            (403, r#"{"detail": "You do not have permission to perform this action."}"#),
            (404, r#""No App matches the given query.""#),
            (404, ""),
            (405, r#"{"detail": "Method \"PUT\" not allowed."}"#),
            (409, r#"{"detail": "bob still has applications assigned. Delete or transfer ownership"}"#),
            (409, r#"{"detail": "bob changed nothing - release stopped"}"#),
            (422, r#"{"detail": "X does not exist under values"}"#),
            (500, r#"{"detail": "Server Error"}"#),
            (503, "<html>"),
        ];
        let told = table.map(|(status, body)| format!("{status} {body}\n    {}", message(status, None, body)));
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn an_answer_with_a_code_is_told_in_its_own_words() {
        let told = |body| message(400, Some("never-ready"), body);
        assert_eq!(told(r#"{"detail": "web does not listen on port 5000"}"#), "web does not listen on port 5000");
        assert_eq!(told(r#"{"id": ["deis is a reserved name."]}"#), "id: deis is a reserved name.");
        assert_eq!(told(r#"["The address x is not valid"]"#), "The address x is not valid");
        assert_eq!(told("<html>"), "Unknown Error (400): <html>");
        let later = r#"{"detail": "There were too many attempts: try again in 60 s."}"#;
        let told = message(429, Some("too-many-attempts"), later);
        assert_eq!(told, "There were too many attempts: try again in 60 s.");
    }
}
