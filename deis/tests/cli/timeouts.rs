use serde_json::json;

use crate::stub::{Answer, StubBuilder, config_of};
use crate::transcript::Machine;

const ENDPOINT: &str = "POST /v2/apps/earthy-instinct/config/";

#[test]
fn timeouts_are_listed() {
    let patient = config_of("termination_grace_period", json!({"web": "60", "worker": "300"}));
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/config/", Answer::new(200, patient));
    insta::assert_snapshot!(
        Machine::logged_in(stub)
            .run_all(&["timeouts -a earthy-instinct", "timeouts:list -a earthy-instinct --output json"])
            + &Machine::usual().run("timeouts -a earthy-instinct")
    );
}

#[test]
fn set_and_unset_show_what_is_set_then() {
    let patient = Answer::new(201, config_of("termination_grace_period", json!({"worker": "300"})));
    let machine = Machine::logged_in(StubBuilder::new().answer(ENDPOINT, patient));
    insta::assert_snapshot!(
        machine
            .run_all(&["timeouts:set web=60 worker=300 -a earthy-instinct", "timeouts:unset web -a earthy-instinct"])
    );
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(422, json!({"detail": "web does not exist under termination_grace_period"})).code("not-set"),
        Answer::new(400, json!({"termination_grace_period": ["A termination grace period is at most 86400 seconds."]}))
            .code("invalid-argument"),
    ];
    let told = refusals.map(|refusal| {
        Machine::logged_in(StubBuilder::new().answer(ENDPOINT, refusal)).run("timeouts:set web=1 -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn wrong_arguments_are_not_sent() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "timeouts:set web -a earthy-instinct",
        "timeouts:set web=1m -a earthy-instinct",
        "timeouts:set -a earthy-instinct",
        "timeouts:unset -a earthy-instinct",
    ]));
}
