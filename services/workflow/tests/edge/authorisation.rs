//! Each method of each path, asked by everybody: who may and who may not, and that a refusal changes nothing.

mod rules;

use deis_workflow::ledger::Audit as _;
use reqwest::Method;
use serde_json::{Value, json};

use self::rules::{Asker, Rule, Verdict};
use super::cast::Cast;
use super::contract::{bodies, routes};
use super::sandbox::{Answer, Sandbox, stable};

/// What of an app and of users nobody may change who is refused, as an administrator sees it.
const RECORDS: [&str; 13] = [
    "/v2/apps/{app}/",
    "/v2/apps/{app}/config/",
    "/v2/apps/{app}/domains/",
    "/v2/apps/{app}/perms/",
    "/v2/apps/{app}/releases/",
    "/v2/apps/{app}/builds/",
    "/v2/apps/{app}/settings/",
    "/v2/apps/{app}/tls/",
    "/v2/apps/{app}/services/",
    "/v2/apps/{app}/pods/",
    "/v2/apps/{app}/activity/",
    "/v2/apps/{bare}/",
    "/v2/users/",
];
/// What only the stranger sees, whose it is.
const OWN: [&str; 2] = ["/v2/keys/", "/v2/certs/"];

async fn ask(sandbox: &Sandbox, cast: &Cast, method: &Method, path: &str, body: &str, asker: Asker) -> Answer {
    // For the one request that ends it, and nothing to the others.
    sandbox.builder.build("acaa8a5f00000000000000000000000000000000");
    // A certificate is taken from a domain that has it, and given to one that has none.
    let path = match *method {
        Method::DELETE if path.starts_with("/v2/certs/") => path.replace("{domain}", "{attached}"),
        // A builder asks for somebody who may use the app.
        Method::GET if path.starts_with("/v2/hooks/") => path.replace("{user}", "{collaborator}"),
        _ => path.to_owned(),
    };
    cast.ask(sandbox, asker.role(), method.clone(), &cast.fill(&path), cast.fill(body).into_bytes()).await
}

/// All that could have been changed, and how long the audit is: whatever is done stands in it.
async fn records(sandbox: &Sandbox, cast: &Cast) -> Vec<Value> {
    let mut records = vec![json!(sandbox.ledger.audit_length().await.unwrap())];
    let paths = RECORDS.map(|path| ("admin", path)).into_iter().chain(OWN.map(|path| ("user", path)));
    for (who, path) in paths {
        let token = cast.authorization(who);
        let answer = sandbox.bytes(Method::GET, &cast.fill(path), token.as_deref(), Vec::new()).await;
        // Times move when users log in.
        records.push(stable(answer.body));
    }
    records
}

#[tokio::test]
async fn each_cell_of_the_table() {
    let sandbox = Sandbox::start().await;
    let password = sandbox.workflow.passwords.hash("secret".into()).await.unwrap();
    let mut problems = Vec::new();
    let (mut number, mut cells, mut refusals, mut earnest) = (0, 0, 0, 0);
    let (routes, bodies) = (routes(&sandbox).await, bodies());
    for (method, path) in &routes {
        let Some(rule) = Rule::of(method, path) else {
            problems.push(format!("{method} {path} has no rule"));
            continue;
        };
        let mut check = |asker: Asker, what: &str, answer: &Answer, expected: Verdict| {
            cells += 1;
            if Verdict::of(answer.status.as_u16()) != expected {
                problems.push(format!("{method} {path}{what} by {asker:?}: {}, not {expected}", answer.line()));
            }
        };
        // Whoever is refused shares a world, and leaves it as it was.
        let world = Cast::assemble(&sandbox, &password, number, path, "{app}").await;
        number += 1;
        let before = records(&sandbox, &world).await;
        for asker in Asker::ALL {
            let expected = rule.verdict(asker);
            if expected != Verdict::Allowed {
                refusals += 1;
                // With nothing in the body, for who may not is not even told that; and with what would do it, if he might.
                check(asker, "", &ask(&sandbox, &world, method, path, "", asker).await, expected);
                if let Some(body) = bodies.get(&(method.clone(), path.clone())) {
                    earnest += 1;
                    check(asker, " in earnest", &ask(&sandbox, &world, method, path, body, asker).await, expected);
                }
            }
            if path.contains("{app}") {
                let nowhere = path.replace("{app}", "nothing-here");
                let answer = ask(&sandbox, &world, method, &nowhere, "", asker).await;
                check(asker, " of no app", &answer, rule.verdict_without_app(asker));
            }
        }
        let after = records(&sandbox, &world).await;
        // Whoever is let in has a world of his own.
        for asker in Asker::ALL {
            if rule.verdict(asker) == Verdict::Allowed {
                let world = Cast::assemble(&sandbox, &password, number, path, "{app}").await;
                number += 1;
                check(asker, "", &ask(&sandbox, &world, method, path, "", asker).await, Verdict::Allowed);
            }
        }
        if before != after {
            problems.push(format!("{method} {path}: a refused request changed something\n{before:?}\n{after:?}"));
        }
    }
    println!("{} routes, {cells} cells, {refusals} refusals that changed nothing, {earnest} in earnest", routes.len());
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    assert!(cells >= 500 && earnest >= 60, "{cells} cells, {earnest} in earnest");
}

/// What hangs on one app is not there under another, not even for who may use both.
#[tokio::test]
async fn what_is_of_one_app_is_absent_under_another() {
    let sandbox = Sandbox::start().await;
    let password = sandbox.workflow.passwords.hash("secret".into()).await.unwrap();
    let mut problems = Vec::new();
    let mut cells = 0;
    for (number, (method, path)) in routes(&sandbox).await.into_iter().enumerate() {
        let is_of_app = path.contains("{app}");
        if !is_of_app || !["{domain}", "{uuid}", "{version}", "{name}"].iter().any(|child| path.contains(child)) {
            continue;
        }
        let cast = Cast::assemble(&sandbox, &password, number, &path, "{app}").await;
        let before = records(&sandbox, &cast).await;
        for asker in [Asker::Owner, Asker::Admin] {
            let answer = ask(&sandbox, &cast, &method, &path.replace("{app}", "{bare}"), "", asker).await;
            cells += 1;
            // A list of pods has those that there are of what is asked for.
            let is_empty_list =
                path.contains("{name}") && [&answer.body, &answer.body["results"]].contains(&&json!([]));
            if answer.status.as_u16() != 404 && !is_empty_list {
                problems.push(format!("{method} {path} by {asker:?}: {}", answer.line()));
            }
        }
        if records(&sandbox, &cast).await != before {
            problems.push(format!("{method} {path}: it reached the other app"));
        }
    }
    println!("{cells} cells");
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    assert!(cells >= 12, "{cells} cells");
}

/// Somebody else's account is an administrator's business alone.
#[tokio::test]
async fn nobody_but_an_administrator_touches_the_accounts_of_others() {
    let sandbox = Sandbox::start().await;
    let password = sandbox.workflow.passwords.hash("secret".into()).await.unwrap();
    let mut lines = Vec::new();
    for (number, (method, path, body)) in [
        (Method::DELETE, "/v2/auth/cancel/", json!({ "username": "{user}" })),
        (Method::POST, "/v2/auth/passwd/", json!({ "username": "{user}", "new_password": "another" })),
        (Method::POST, "/v2/auth/tokens/", json!({ "username": "{user}" })),
        (Method::POST, "/v2/auth/tokens/", json!({ "all": true })),
    ]
    .into_iter()
    .enumerate()
    {
        let cast = Cast::assemble(&sandbox, &password, number, path, "").await;
        for asker in Asker::ALL.into_iter().filter(|asker| *asker != Asker::Stranger) {
            let body = cast.fill(&body.to_string()).into_bytes();
            let answer = cast.ask(&sandbox, asker.role(), method.clone(), path, body).await;
            let expected = match asker {
                Asker::Anonymous | Asker::UnknownToken | Asker::Builder => Verdict::Unknown,
                Asker::Admin => Verdict::Allowed,
                _ => Verdict::Forbidden,
            };
            if Verdict::of(answer.status.as_u16()) != expected {
                lines.push(format!("{method} {path} by {asker:?}: {}", answer.line()));
            }
        }
    }
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}
