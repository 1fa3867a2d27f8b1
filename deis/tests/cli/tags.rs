use serde_json::json;

use crate::stub::{Answer, StubBuilder, config_of};
use crate::transcript::Machine;

const ENDPOINT: &str = "POST /v2/apps/earthy-instinct/config/";

#[test]
fn tags_are_listed() {
    let tagged = config_of("tags", json!({"disk": "ssd", "example.com/zone": "eu-1"}));
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/config/", Answer::new(200, tagged));
    insta::assert_snapshot!(
        Machine::logged_in(stub).run_all(&["tags -a earthy-instinct", "tags:list -a earthy-instinct --output yaml"])
            + &Machine::usual().run("tags -a earthy-instinct")
    );
}

#[test]
fn set_and_unset_show_what_is_set_then() {
    let tagged = Answer::new(201, config_of("tags", json!({"disk": "ssd"})));
    let machine = Machine::logged_in(StubBuilder::new().answer(ENDPOINT, tagged));
    insta::assert_snapshot!(
        machine.run_all(&["tags:set disk=ssd zone=eu-1 -a earthy-instinct", "tags:unset zone -a earthy-instinct"])
    );
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(400, json!({"detail": "No nodes matched the provided labels: disk=tape"})).code("no-room"),
        Answer::new(422, json!({"detail": "disk does not exist under tags"})).code("not-set"),
    ];
    let told = refusals.map(|refusal| {
        Machine::logged_in(StubBuilder::new().answer(ENDPOINT, refusal)).run("tags:set disk=tape -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn wrong_arguments_are_not_sent() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "tags:set disk -a earthy-instinct",
        "tags:set =ssd",
        "tags:set",
        "tags:unset"
    ]));
}
