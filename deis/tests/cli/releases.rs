use serde_json::json;

use crate::stub::{Answer, StubBuilder, release};
use crate::transcript::Machine;

#[test]
fn releases_are_listed_as_in_the_talk() {
    insta::assert_snapshot!(
        Machine::usual()
            .run_all(&["releases -a earthy-instinct", "releases:list -a earthy-instinct -l 3 --output json"])
    );
}

#[test]
fn one_release_is_shown() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "releases:info v2 -a earthy-instinct",
        "releases:info 2 -a earthy-instinct --output yaml",
        "releases:info v9 -a earthy-instinct",
        "releases:info v -a earthy-instinct",
    ]));
}

#[test]
fn what_is_different_between_two_is_shown() {
    let same = json!({ "from": "v2", "to": "v2", "before": {}, "after": {} });
    let same = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/releases/v2/diff/v2/", Answer::new(200, same));
    let told = [
        Machine::usual().run_all(&[
            "releases:diff v2 v3 -a earthy-instinct",
            "releases:diff 2 3 -a earthy-instinct --output yaml",
            "releases:diff v9 v3 -a earthy-instinct",
        ]),
        Machine::logged_in(same).run("releases:diff v2 v2 -a earthy-instinct"),
    ];
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_failed_release_says_why_and_what_to_do() {
    let mut failed = release(3, "jhansen added POWERED_BY which failed");
    failed["failed"] = json!(true);
    let old = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/releases/v3/", Answer::new(200, failed.clone()));
    failed["exception"] = json!(
        "error: The process web ended 2 times, the last time after 0 s, with exit code 1. Its last lines say why: deis logs --process web."
    );
    failed["code"] = json!("process-exited");
    failed["log_tail"] = json!(["connecting to db", "\u{1b}[2Jpanic: no database"]);
    let new = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/releases/v3/", Answer::new(200, failed));
    let told = [new, old].map(|stub| Machine::logged_in(stub).run("releases:info v3 -a earthy-instinct"));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn rollback_makes_a_release() {
    insta::assert_snapshot!(
        Machine::usual().run_all(&["rollback -a earthy-instinct", "releases:rollback v2 -a earthy-instinct"])
    );
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(400, json!({"detail": "Cannot roll back to initial release."})).code("failed-precondition"),
        Answer::new(400, json!({"detail": "version cannot be below 0"})).code("invalid-argument"),
        Answer::new(409, json!({"detail": "Deployment for earthy-instinct-web is already in progress"}))
            .code("deploy-in-progress"),
    ];
    let told = refusals.map(|refusal| {
        let stub = StubBuilder::new().answer("POST /v2/apps/earthy-instinct/releases/rollback/", refusal);
        Machine::logged_in(stub).run("rollback v1 -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}
