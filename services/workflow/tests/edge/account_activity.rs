//! What was done to accounts and to the platform, and that its chains hold.

use reqwest::Method;
use serde_json::{Value, json};

use super::sandbox::{Answer, Sandbox};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0mYpZ8mQm7vXkH0r3hXo7Vd3bqC3sJ2l5oYq2bQm3n";

/// Bob, the administrator, and all that can be done to an account; the tokens of bob and of eve.
async fn history(sandbox: &Sandbox) -> (String, String) {
    let bob = sandbox.user("bob").await;
    let eve = sandbox.user("eve").await;
    let mallory = sandbox.user("mallory+1").await;
    for (method, path, token, body) in [
        (Method::POST, "keys/", &eve, json!({ "id": "laptop", "public": KEY })),
        (Method::POST, "auth/passwd/", &eve, json!({ "password": "secret", "new_password": "s3cret-value" })),
        (Method::POST, "apps/", &eve, json!({ "id": "shop" })),
        (Method::POST, "admin/perms/", &bob, json!({ "username": "eve" })),
        (Method::DELETE, "admin/perms/eve/", &bob, Value::Null),
        (Method::DELETE, "keys/laptop/", &eve, Value::Null),
        (Method::DELETE, "auth/cancel/", &mallory, Value::Null),
        (Method::POST, "auth/tokens/", &bob, json!({ "username": "eve" })),
        (Method::POST, "auth/tokens/", &bob, json!({ "all": true })),
    ] {
        let body = (!body.is_null()).then_some(body);
        let answer = sandbox.call(method.clone(), &format!("/v2/{path}"), Some(token), body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.line());
    }
    let mut tokens = Vec::new();
    for (username, password) in [("bob", "secret"), ("eve", "s3cret-value")] {
        let login = json!({ "username": username, "password": password });
        let answer = sandbox.call(Method::POST, "/v2/auth/login/", None, Some(login)).await;
        tokens.push(answer.body["token"].as_str().unwrap().to_owned());
    }
    (tokens.remove(0), tokens.remove(0))
}

fn entries(answer: &Answer) -> &Vec<Value> {
    answer.body["results"].as_array().unwrap()
}

/// `account number: user action before after`.
fn line(entry: &Value) -> String {
    let [account, user, action] = ["account", "user", "action"].map(|field| entry[field].as_str().unwrap_or("-"));
    format!("{account} {}: {user} {action} {} {}", entry["number"], entry["before"], entry["after"])
}

/// What happens to two accounts in the same millisecond has no order.
fn lines(answer: &Answer) -> Vec<String> {
    let mut lines = entries(answer).iter().map(line).collect::<Vec<_>>();
    lines.sort();
    lines
}

#[tokio::test]
async fn what_is_done_to_accounts_is_shown_to_administrators() {
    let sandbox = Sandbox::start().await;
    let (bob, _eve) = history(&sandbox).await;
    let answer = sandbox.get("/v2/admin/activity/", &bob).await;
    assert!(!answer.body.to_string().contains("s3cret"), "{}", answer.body);
    for entry in entries(&answer) {
        assert_eq!((&entry["intact"], &entry["address"]), (&json!(true), &json!("127.0.0.1")), "{entry}");
    }
    let times = entries(&answer).iter().map(|entry| entry["time"].as_str().unwrap()).collect::<Vec<_>>();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    insta::assert_snapshot!(lines(&answer).join("\n"));

    // On a page of its own, each is as it was.
    for (offset, entry) in entries(&answer).iter().enumerate() {
        let page = sandbox.get(&format!("/v2/admin/activity/?limit=1&offset={offset}"), &bob).await;
        assert_eq!((&page.body["results"][0], &page.body["count"]), (entry, &answer.body["count"]), "{offset}");
    }
}

#[tokio::test]
async fn it_can_be_that_of_one_user() {
    let sandbox = Sandbox::start().await;
    let (bob, _eve) = history(&sandbox).await;
    let all = sandbox.get("/v2/admin/activity/", &bob).await;
    for username in ["bob", "eve", "mallory+1", "nobody-here"] {
        let is_his = |entry: &&Value| entry["user"] == username || entry["account"] == username;
        let mut expected = entries(&all).iter().filter(is_his).map(line).collect::<Vec<_>>();
        expected.sort();
        let query = username.replace('+', "%2B");
        let answer = sandbox.get(&format!("/v2/admin/activity/?user={query}"), &bob).await;
        assert_eq!(lines(&answer), expected, "{username}");
        assert_eq!(answer.body["count"], json!(expected.len()), "{username}");
    }
    // Each page leads to others of the same user.
    let mut next = json!(format!("http://{}/v2/admin/activity/?user=mallory%2B1&limit=2", sandbox.rest()));
    let (mut found, mut pages) = (Vec::new(), 0);
    while let Some(address) = next.as_str() {
        let (_origin, path) = address.split_once("/v2/").unwrap();
        let page = sandbox.get(&format!("/v2/{path}"), &bob).await;
        found.extend(entries(&page).iter().map(line));
        pages += 1;
        next = page.body["next"].clone();
    }
    assert_eq!(
        found,
        [
            "mallory+1 3: mallory+1 user.cancel null null",
            "mallory+1 2: mallory+1 user.login null null",
            r#"mallory+1 1: - user.register null {"superuser":false}"#
        ]
    );
    assert_eq!(pages, 2);
}

#[tokio::test]
async fn what_somebody_has_changed_beneath_is_seen() {
    let sandbox = Sandbox::start().await;
    let (bob, _eve) = history(&sandbox).await;
    let broken = async || {
        let answer = sandbox.get("/v2/admin/activity/", &bob).await;
        let mut broken =
            entries(&answer).iter().filter(|entry| entry["intact"] != json!(true)).map(line).collect::<Vec<_>>();
        broken.sort();
        broken
    };
    assert_eq!(broken().await, Vec::<String>::new());
    // Who gave eve all rights is another one now, and that her key was added is forgotten.
    let database = &sandbox.database;
    database.execute("UPDATE audit SET username = 'eve' WHERE subject = 'user:eve' AND action = 'admin.grant'").await;
    database.execute("DELETE FROM audit WHERE subject = 'user:eve' AND action = 'key.add'").await;
    let told = ["eve 4: eve user.password null null", "eve 5: eve admin.grant null null"];
    assert_eq!(broken().await, told);
    // Others' chains are not hurt, and this one goes on.
    sandbox.post("/v2/admin/perms/", &bob, json!({ "username": "eve" })).await;
    assert_eq!(broken().await, told);
}
