//! What an answer must look like.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::sandbox::Answer;
use super::table::spans;

/// A body.
#[derive(Debug)]
pub(super) enum Expectation {
    /// No bytes.
    Empty,
    /// This text; `…` is any.
    Text(String),
    /// This JSON; `…` within a text is any.
    Json(String),
    /// An object with these fields and no others.
    Fields(BTreeSet<String>),
    /// A page with such objects, of which there is one at least.
    Page(BTreeSet<String>),
    /// A list of such objects, of which there is one at least.
    List(BTreeSet<String>),
    /// A test of its own knows.
    Told,
}

impl Expectation {
    pub(super) fn parse(cell: &str) -> Self {
        let Some(span) = spans(cell).into_iter().next() else {
            return if cell == "empty" { Self::Empty } else { Self::Told };
        };
        let words = cell.split('`').next().unwrap_or_default().trim();
        match (words, fields(&span)) {
            ("page of", Some(fields)) => Self::Page(fields),
            ("list of", Some(fields)) => Self::List(fields),
            ("", Some(fields)) => Self::Fields(fields),
            ("", None) => Self::Json(span),
            ("text", _) => Self::Text(span),
            _ => panic!("no answer: {cell}"),
        }
    }

    /// What is different in an answer; what stands on every answer is looked at too.
    pub(super) fn difference(&self, status: u16, answer: &Answer, fill: impl Fn(&str) -> String) -> Option<String> {
        for header in ["deis_api_version", "deis_platform_version"] {
            if !answer.headers.contains_key(header) {
                return Some(format!("it has no header {header}"));
            }
        }
        if answer.status.as_u16() != status {
            return Some(format!("it is not {status}"));
        }
        if status == 401 && answer.headers.get("www-authenticate").is_none_or(|value| value != "Token") {
            return Some("it does not say WWW-Authenticate: Token".to_owned());
        }
        let body = &answer.body;
        let is_so = match self {
            Self::Empty => *body == json!(""),
            Self::Text(text) => body.as_str().is_some_and(|body| is_like(body, &fill(text))),
            Self::Json(text) => {
                let expected = serde_json::from_str(&fill(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
                is_same(body, &expected)
            }
            Self::Fields(fields) => has(body, fields),
            Self::Page(fields) => {
                let all = ["count", "next", "previous", "results"].map(str::to_owned);
                has(body, &all.into()) && body["count"].is_u64() && all_have(&body["results"], fields)
            }
            Self::List(fields) => all_have(body, fields),
            Self::Told => false,
        };
        (!is_so).then(|| format!("it is not {self:?}"))
    }
}

/// `{uuid, id}`; JSON has its names in quotation marks.
fn fields(span: &str) -> Option<BTreeSet<String>> {
    let names = span.strip_prefix('{')?.strip_suffix('}')?;
    let names = names.split(", ").map(str::to_owned).collect::<BTreeSet<_>>();
    let is_name = |name: &String| !name.is_empty() && name.chars().all(|char| char.is_ascii_lowercase() || char == '_');
    names.iter().all(is_name).then_some(names)
}

fn has(body: &Value, fields: &BTreeSet<String>) -> bool {
    body.as_object().is_some_and(|object| object.keys().eq(fields.iter()))
}

fn all_have(body: &Value, fields: &BTreeSet<String>) -> bool {
    body.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(|item| has(item, fields)))
}

fn is_same(body: &Value, expected: &Value) -> bool {
    match (body, expected) {
        (Value::String(body), Value::String(expected)) => is_like(body, expected),
        (Value::Array(body), Value::Array(expected)) => {
            body.len() == expected.len() && body.iter().zip(expected).all(|(body, expected)| is_same(body, expected))
        }
        (Value::Object(body), Value::Object(expected)) => {
            body.len() == expected.len()
                && expected.iter().all(|(name, expected)| body.get(name).is_some_and(|body| is_same(body, expected)))
        }
        _ => body == expected,
    }
}

/// The parts around each `…`, in their order.
fn is_like(text: &str, expected: &str) -> bool {
    let Some((begin, rest)) = expected.split_once('…') else { return text == expected };
    let Some(mut text) = text.strip_prefix(begin) else { return false };
    let mut parts = rest.split('…').collect::<Vec<_>>();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(end)
}
