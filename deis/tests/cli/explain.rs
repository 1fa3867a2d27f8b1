use serde_json::json;

use crate::stub::{Answer, StubBuilder, explanation};
use crate::transcript::Machine;

fn told(explanation: serde_json::Value, line: &str) -> String {
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/explain/", Answer::new(200, explanation));
    Machine::logged_in(stub).run(line)
}

#[test]
fn an_explanation_is_shown_in_every_format() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "explain -a earthy-instinct",
        "explain -a earthy-instinct --output json",
        "explain -a earthy-instinct --output yaml",
    ]));
}

#[test]
fn where_all_is_well_one_line_is_enough() {
    let headline = "earthy-instinct serves: 3 of 3 web pods are ready.";
    let well = json!({ "app": "earthy-instinct", "release": 4, "state": "up", "headline": headline, "problems": [] });
    insta::assert_snapshot!(told(well, "explain -a earthy-instinct"));
}

#[test]
fn several_problems_are_numbered_and_what_steers_a_terminal_is_not() {
    let mut several = explanation();
    several["problems"][0]["other_pods"] = json!(2);
    several["problems"][0]["log_tail"] = json!(["\u{1b}[2Jgone", "panic"]);
    let slow = json!({
        "code": "starting", "message": "The process web is not ready: nothing listens on port 5000.", "next": "Wait.",
        "type": "web", "release": "v4", "pod": "earthy-instinct-v4-web-c871y", "probe": "startup", "restarts": 1,
        "other_pods": 1, "since": "2016-08-22T17:40:16Z",
    });
    several["problems"].as_array_mut().unwrap().push(slow);
    let failed = json!({ "code": "no-room", "message": "The newest release v5 failed.", "next": "See deis releases:info v5.", "release": "v5" });
    several["problems"].as_array_mut().unwrap().push(failed);
    insta::assert_snapshot!(told(several, "explain -a earthy-instinct"));
}
