//! Every change that `docs/api.md` shows to be done, with a key and more than once.

use std::collections::BTreeSet;

use deis_workflow::ledger::Audit as _;
use reqwest::Method;
use serde_json::json;

use super::table::{Row, State};
use super::{prepare, read, routes, table};
use crate::edge::cast::Cast;
use crate::edge::sandbox::{Answer, Sandbox};

/// What the handlers themselves know to be a repeat: the draft's header is not on their answers.
const KNOWN: [&str; 4] =
    ["/v2/apps/{app}/config", "/v2/apps/{app}/releases/rollback", "/v2/apps/{app}/run", "/v2/apps/{app}/builds/cache"];

/// Accounts alone have keys, and what changes their credentials heeds none.
fn is_heeded(method: &Method, path: &str) -> bool {
    !method.is_safe() && !path.starts_with("/v2/auth/") && !path.starts_with("/v2/hooks/")
}

/// Changes that no row of the page shows with a body as it stands.
const MORE: &str = r#"
| Method |
| DELETE | `/v2/apps/{app}/whitelist/` | owner | `{"addresses": ["10.0.0.0/8"]}` | 204 | empty | served |
| DELETE | `/v2/apps/{app}/services/` | owner | `{"procfile_type": "web"}` | 204 | empty | served |
"#;

/// What is asked for before, so that there is something to take away.
const BEFORE: [(&str, &str); 2] = [
    ("/v2/apps/{app}/whitelist/", r#"{"addresses": ["10.0.0.0/8"]}"#),
    ("/v2/apps/{app}/services/", r#"{"procfile_type": "web", "path_pattern": "/api"}"#),
];

/// What is wrong with the answers to one change that is asked for again and again.
async fn problems(sandbox: &Sandbox, cast: &Cast, row: &Row, number: usize) -> Vec<String> {
    let (path, who) = (cast.fill(&row.path_and_query()), cast.authorization(&row.who));
    let body = cast.fill(&row.body);
    let key = format!("the-key-of-row-{number}");
    let send = |body: String| sandbox.keyed(row.method.clone(), &path, who.as_deref(), &key, body);
    let mut problems = Vec::new();
    let mut check = |what: &str, is_so: bool, answer: &Answer| {
        if !is_so {
            problems.push(format!("{row}\n    {what}\n    {}", answer.line()));
        }
    };

    prepare(sandbox, cast, row);
    let first = send(body.clone()).await;
    check("it was not done", first.status.as_u16() == row.status, &first);
    let noted = sandbox.ledger.audit_length().await.unwrap();

    let knows = KNOWN.contains(&row.path.trim_end_matches('/'));
    let is_run = row.path.ends_with("/run/");
    let is_cleared = row.path.ends_with("/builds/cache/");
    let shows_the_same = |answer: &Answer| answer.body == first.body || is_cleared;
    // Its output is told once.
    let says_that_it_ran = |answer: &Answer| is_run && answer.line().starts_with("409 already-exists");
    let again = send(body.clone()).await;
    let is_so = again.status == first.status && shows_the_same(&again);
    check("a repeat is answered otherwise", is_so || says_that_it_ran(&again), &again);
    let is_marked = again.headers.get("idempotent-replayed").is_some_and(|value| value == "true");
    let shows = row.path.ends_with("/config/") && row.method == Method::POST;
    check("a repeat says that it is one, or does not", is_marked != knows || shows, &again);

    // As if the process had died when the change was made, and before it had answered.
    let died = format!("UPDATE idempotency_keys SET status = NULL, heard = 0 WHERE key = '{key}' AND changed > 0");
    // Where there is nothing to restart, nothing is changed.
    let has_died = sandbox.database.execute(&died).await == 1 || first.body == json!([]);
    check("the change was not noted with its key", has_died, &first);
    let after = send(body.clone()).await;
    let is_so = after.status.is_success() && shows_the_same(&after);
    check("a repeat after a death is answered otherwise", is_so || says_that_it_ran(&after), &after);
    let more = sandbox.ledger.audit_length().await.unwrap() - noted;
    // What says how it is to be may be said again.
    let is_set = ["/v2/apps/{app}/", "/v2/apps/{app}/root/"].contains(&row.path.as_str());
    check("it was done again", more == 0 || is_cleared || is_run || is_set, &after);

    let other = send(r#"{"something": "else"}"#.to_owned()).await;
    check("the key does for another request", other.line().starts_with("422 key-reused"), &other);
    problems
}

#[tokio::test]
async fn every_change_is_done_once() {
    let sandbox = Sandbox::start().await;
    let password = sandbox.workflow.passwords.hash("secret".into()).await.unwrap();
    let mut missing = routes(&sandbox).await;
    missing.retain(|(method, path)| is_heeded(method, path));
    let page = table::rows(&read("docs/api.md"));
    let is_shown =
        |row: &Row| row.state == State::Served && (200..300).contains(&row.status) && is_heeded(&row.method, &row.path);
    let rows = page.into_iter().filter(is_shown).chain(table::rows(MORE));
    let (mut found, mut count) = (Vec::new(), 0);
    for (number, row) in rows.enumerate() {
        let cast = Cast::assemble(&sandbox, &password, number, &row.path, &row.body).await;
        let before = BEFORE.into_iter().find(|(path, _body)| row.method == Method::DELETE && row.path == *path);
        if let Some((path, body)) = before {
            let who = cast.authorization(&row.who);
            let answer = sandbox.bytes(Method::POST, &cast.fill(path), who.as_deref(), body.into()).await;
            assert!(answer.status.is_success(), "{answer:?}");
        }
        found.extend(problems(&sandbox, &cast, &row, number).await);
        missing.remove(&row.route());
        count += 1;
    }
    println!("{count} changes, each asked for three times and once as another");
    found.extend(missing.iter().map(|(method, path)| format!("{method} {path}: no row shows it to be done")));
    assert!(found.is_empty(), "{} problems\n{}", found.len(), found.join("\n"));
    assert!(count >= 40, "{count} changes");
    assert_eq!(missing, BTreeSet::new());
}
