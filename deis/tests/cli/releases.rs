use serde_json::json;

use crate::stub::{Answer, StubBuilder};
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
