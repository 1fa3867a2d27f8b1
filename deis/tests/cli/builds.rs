use serde_json::json;

use crate::stub::{Answer, StubBuilder, build, page};
use crate::transcript::Machine;

const ONE: &str = "95bd6dea-1685-4f78-a03d-fd7270b058d1";
const TWO: &str = "0b1f6a4e-9a3c-4a7e-8a55-4a8f0a4f7b11";
const WHY: &str = "The Go buildpack ended with status 1.";

fn endpoint(method: &str, rest: &str) -> String {
    format!("{method} /v2/apps/earthy-instinct/builds/{rest}")
}

#[test]
fn builds_are_listed() {
    let results = json!([build(ONE, "failed", Some(WHY)), build(TWO, "succeeded", None)]);
    let told = [page(2, results), page(0, json!([]))].map(|answer| {
        let stub = StubBuilder::new().answer(&endpoint("GET", ""), Answer::new(200, answer));
        Machine::logged_in(stub)
            .run_all(&["builds -a earthy-instinct", "builds:list -l 5 -a earthy-instinct --output json"])
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn one_build_is_shown() {
    let stub = StubBuilder::new()
        .answer(&endpoint("GET", &format!("{ONE}/")), Answer::new(200, build(ONE, "failed", Some(WHY))))
        .answer(&endpoint("GET", &format!("{TWO}/")), Answer::new(200, build(TWO, "succeeded", None)))
        .answer(&endpoint("GET", "x/"), Answer::new(404, json!("No Build matches the given query.")).code("not-found"));
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&[
        &format!("builds:info {ONE} -a earthy-instinct"),
        &format!("builds:info {TWO} -a earthy-instinct"),
        &format!("builds:info {TWO} -a earthy-instinct --output yaml"),
        "builds:info x -a earthy-instinct",
        "builds:info",
    ]));
}

#[test]
fn a_server_that_knows_no_states_lists_builds_that_succeeded() {
    let mut old = build(TWO, "succeeded", None);
    old.as_object_mut().unwrap().retain(|field, _| field != "state" && field != "failure");
    let stub = StubBuilder::new().answer(&endpoint("GET", ""), Answer::new(200, page(1, json!([old]))));
    insta::assert_snapshot!(Machine::logged_in(stub).run("builds -a earthy-instinct"));
}

#[test]
fn what_a_build_printed_is_shown_once_more() {
    let text = |body: &str| Answer { status: 200, body: body.to_owned(), code: None };
    let stub = StubBuilder::new()
        .answer(&endpoint("GET", ""), Answer::new(200, page(9, json!([build(ONE, "failed", Some(WHY))]))))
        .answer(&endpoint("GET", &format!("{ONE}/log")), text("-----> Go app detected\nmain.go:7: undefined: x"))
        .answer(&endpoint("GET", &format!("{TWO}/log")), text(""))
        .answer(&endpoint("GET", "x/log"), Answer::new(404, json!("No Build matches the given query.")));
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&[
        "builds:log -a earthy-instinct",
        &format!("builds:log {TWO} -a earthy-instinct"),
        "builds:log x -a earthy-instinct",
    ]));
}

#[test]
fn where_nothing_was_built_there_is_no_log() {
    let stub = StubBuilder::new().answer(&endpoint("GET", ""), Answer::new(200, page(0, json!([]))));
    insta::assert_snapshot!(Machine::logged_in(stub).run("builds:log -a earthy-instinct"));
}

#[test]
fn an_image_is_deployed_with_the_process_types_of_option_or_file() {
    let stub = StubBuilder::new().answer(&endpoint("POST", ""), Answer::new(201, build(ONE, "succeeded", None)));
    let machine = Machine::logged_in(stub);
    let without = machine.run("pull nginx -a earthy-instinct");
    machine.write("project/Procfile", "web: ./serve --all\nworker: work\n");
    let of_file = machine.run("builds:create registry.example.com/team/web:1.2 -a earthy-instinct");
    let of_option = machine.run("pull nginx --procfile={\"web\":\"./serve\"} -a earthy-instinct");
    machine.write("project/Procfile", "web\n");
    insta::assert_snapshot!(without + &of_file + &of_option + &machine.run("pull nginx -a earthy-instinct"));
}

#[test]
fn refused_images_are_told() {
    let refusals = [
        Answer::new(400, json!({"image": ["This field may not be blank."]})).code("invalid-argument"),
        Answer::new(400, json!({"detail": "nginx is for arm64, and the nodes are amd64."})).code("invalid-argument"),
        Answer::new(403, json!({"detail": "no"})).code("permission-denied"),
        Answer::new(409, json!({"detail": "A deploy of earthy-instinct is under way."})).code("deploy-in-progress"),
    ];
    let told = refusals.map(|refusal| {
        let stub = StubBuilder::new().answer(&endpoint("POST", ""), refusal);
        Machine::logged_in(stub).run("pull nginx -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat() + &Machine::usual().run("pull -a earthy-instinct"));
}

#[test]
fn the_build_that_runs_is_cancelled() {
    let sha = json!({"sha": "acaa8a5f2e5b8e6a2e0fba7d7dd5a2a7a4a2f4c1"});
    let answers = [
        Answer::new(200, sha),
        Answer::new(404, json!({"detail": "No build of earthy-instinct runs."})).code("not-found"),
        Answer::new(403, json!({"detail": "no"})).code("permission-denied"),
    ];
    let told = answers.map(|answer| {
        let stub = StubBuilder::new().answer(&endpoint("DELETE", "running/"), answer);
        Machine::logged_in(stub).run("builds:cancel -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn the_cache_is_cleared() {
    let answers = [
        Answer::new(200, json!({"bytes": 12_900_000})),
        Answer::new(200, json!({"bytes": 0})),
        Answer::new(503, json!({"detail": "Service temporarily unavailable, try again later."})).code("unavailable"),
    ];
    let told = answers.map(|answer| {
        let stub = StubBuilder::new().answer(&endpoint("DELETE", "cache/"), answer);
        Machine::logged_in(stub).run("builds:clear-cache -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}
