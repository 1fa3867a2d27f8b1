//! `docs/api.md` against a real server: what a row says is served is served so, and what it says is not yet there is not.
#![expect(clippy::panic, reason = "a page that cannot be read fails the test")]

mod document;
mod expectation;
mod repeats;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use deis_workflow::accounts::RegistrationMode;
use deis_workflow::images::{Copied, Pulled};
use deis_workflow::ledger::Audit as _;
use deis_workflow::server::rest;
use reqwest::Method;
use serde_json::json;

use self::table::{Row, State};
use super::cast::Cast;
use super::push::image;
use super::sandbox::{Answer, Sandbox};

#[tokio::test]
async fn the_page_says_what_the_server_does() {
    let rows = table::rows(&read("docs/api.md"));
    let sandbox = Sandbox::start().await;
    let password = sandbox.workflow.passwords.hash("secret".into()).await.unwrap();
    let routes = routes(&sandbox).await;

    let mut counts = BTreeMap::<&str, u32>::new();
    let mut problems = without_a_row(&routes, &rows);
    for (number, row) in rows.iter().enumerate() {
        *counts.entry(row.state.name()).or_default() += 1;
        if let State::ServedBy { file, test } = &row.state {
            let source = read(&format!("services/workflow/tests/edge/{file}.rs"));
            if !source.contains(&format!("async fn {test}()")) {
                problems.push(format!("{row}: there is no test {file}::{test}"));
            }
            continue;
        }
        let cast = Cast::assemble(&sandbox, &password, number, &row.path, &row.body).await;
        let noted = sandbox.ledger.audit_length().await.unwrap();
        let (answer, difference) = ask(&sandbox, &cast, row).await;
        let noted = sandbox.ledger.audit_length().await.unwrap() - noted;
        let problem = match row.state {
            State::Served => difference,
            State::NotYet if routes.contains(&row.route()) => {
                difference.is_none().then(|| "it is there, and the row says that it is not yet".to_owned())
            }
            // What has no route must look so.
            State::NotYet if is_nowhere(&answer) => None,
            State::NotYet => Some("it has no route, and yet is neither 404 nor 405".to_owned()),
            _ => difference.is_none().then(|| "it is there, and the row says that it is left out".to_owned()),
        };
        let unnoted = is_unnoted(row, &answer, noted);
        if let Some(problem) = problem.or(unnoted) {
            problems.push(format!("{row}\n    {problem}\n    {}", answer.line()));
        }
    }
    println!("{} rows: {counts:?}; {} routes", rows.len(), routes.len());
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    assert!(rows.len() >= 250 && routes.len() >= 50, "{} rows, {} routes", rows.len(), routes.len());
}

/// Has the others do what some rows need.
fn prepare(sandbox: &Sandbox, cast: &Cast, row: &Row) {
    // All are for those rows that need them, and nothing to the others.
    sandbox.mode.send_replace(row.mode.unwrap_or(RegistrationMode::Enabled));
    sandbox.builder.build("acaa8a5f00000000000000000000000000000000");
    let pulled =
        Pulled { user: 101, exposed_port: Some(8080), entrypoint: vec!["/serve".to_owned()], command: Vec::new() };
    sandbox.builder.answer_pull(Ok(Copied { image: image(cast.word("app"), "2"), pulled }));
}

/// The answer to what a row asks, and what is different from what it says.
async fn ask(sandbox: &Sandbox, cast: &Cast, row: &Row) -> (Answer, Option<String>) {
    prepare(sandbox, cast, row);
    let path = cast.fill(&row.path_and_query());
    let body = cast.fill(&row.body).into_bytes();
    let answer = cast.ask(sandbox, &row.who, row.method.clone(), &path, body).await;
    let mut difference = row.answer.difference(row.status, &answer, |text| cast.fill(text));
    if row.state == State::Served && row.method == Method::GET {
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let bare = format!("{}?{query}", path.trim_end_matches('/'));
        let again = cast.ask(sandbox, &row.who, Method::GET, &bare, Vec::new()).await;
        if again.status != answer.status {
            difference = Some(format!("without the slash at the end it is {}", again.line()));
        }
    }
    (answer, difference)
}

/// What changes something leaves an entry of who did it, and what is refused leaves none.
fn is_unnoted(row: &Row, answer: &Answer, noted: i64) -> Option<String> {
    // No pods of that kind were there to be started again.
    let changes = answer.status.is_success() && !row.method.is_safe() && answer.body != json!([]);
    let problem = match (changes, noted) {
        (true, 0) => "it was done, and nobody noted who did it",
        (false, 1..) => "it was noted, and was not done",
        _ => return None,
    };
    Some(problem.to_owned())
}

fn is_nowhere(answer: &Answer) -> bool {
    let is_lost = answer.status.as_u16() == 404 && answer.body == json!("<h1>Not Found</h1>");
    is_lost || answer.status.as_u16() == 405
}

/// What the server's router has: of each path the methods that it says it allows.
pub(crate) async fn routes(sandbox: &Sandbox) -> BTreeSet<(Method, String)> {
    let mut routes = BTreeSet::new();
    for path in rest::paths() {
        let answer = sandbox.bytes(Method::OPTIONS, &path.replace(['{', '}'], ""), None, Vec::new()).await;
        assert_eq!(answer.status.as_u16(), 405, "{path}");
        let methods = answer.headers["allow"].to_str().unwrap().split(',').map(|method| method.parse().unwrap());
        // Whatever can be read has a head.
        let methods = methods.filter(|method| *method != Method::HEAD);
        routes.extend(methods.map(|method: Method| (method, path.clone())));
    }
    routes
}

/// For methods of paths a body with which they do something; none where that needs none, or more than one request.
pub(crate) fn bodies() -> BTreeMap<(Method, String), String> {
    let rows = table::rows(&read("docs/api.md")).into_iter();
    let done =
        rows.filter(|row| row.state == State::Served && (200..300).contains(&row.status) && !row.body.is_empty());
    done.map(|row| (row.route(), row.body)).collect()
}

fn without_a_row(routes: &BTreeSet<(Method, String)>, rows: &[Row]) -> Vec<String> {
    let served = rows.iter().filter(|row| row.state.is_served()).map(Row::route).collect::<BTreeSet<_>>();
    let missing = routes.difference(&served);
    missing.map(|(method, path)| format!("{method} {path} is served, and no row of docs/api.md says so")).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(at(path)).unwrap()
}

/// A file of the repository.
fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[tokio::test]
async fn without_its_ledger_the_service_is_not_ready() {
    let sandbox = Sandbox::start().await;
    sandbox.ledger.close().await;
    let answer = sandbox.bytes(Method::GET, "/readiness", None, Vec::new()).await;
    assert_eq!(answer.line(), "503 unavailable {\"detail\":\"Service temporarily unavailable, try again later.\"}");
    assert_eq!(sandbox.bytes(Method::GET, "/healthz", None, Vec::new()).await.line(), "200 - \"OK\"");
}

#[tokio::test]
async fn a_domain_has_253_characters_at_most() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let label = "a".repeat(50);
    for (name, line) in [
        (format!("{label}.{label}.{label}.{label}.{}", "a".repeat(49)), "201 -"),
        (
            format!("{label}.{label}.{label}.{label}.{}", "a".repeat(50)),
            "400 invalid-argument {\"domain\":[\"Hostname must be 253 characters or less.\"]}",
        ),
    ] {
        let answer = sandbox.post("/v2/apps/shop/domains/", &token, json!({ "domain": name })).await;
        assert!(answer.line().starts_with(line), "{}", answer.line());
    }
}
