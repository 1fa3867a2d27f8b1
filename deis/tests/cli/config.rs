use serde_json::json;

use crate::stub::{Answer, StubBuilder, config};
use crate::transcript::Machine;

const ENDPOINT: &str = "POST /v2/apps/earthy-instinct/config/";

#[test]
fn config_is_listed_in_every_form() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "config -a earthy-instinct",
        "config:list -a earthy-instinct --oneline",
        "config:list -a earthy-instinct --diff",
        "config:list -a earthy-instinct --output json",
    ]));
}

#[test]
fn set_and_unset_show_what_is_set_then() {
    let machine = Machine::usual();
    insta::assert_snapshot!(machine.run_all(&[
        "config:set POWERED_BY=Kubernetes #comment -a earthy-instinct",
        "config:unset OLD OLDER -a earthy-instinct",
    ]));
}

#[test]
fn nothing_is_left() {
    let machine = Machine::logged_in(StubBuilder::new().answer(ENDPOINT, Answer::new(201, config(json!({})))));
    insta::assert_snapshot!(machine.run("config:unset LAST -a earthy-instinct"));
}

#[test]
fn what_is_no_pair_is_not_sent() {
    insta::assert_snapshot!(Machine::usual().run_all(&["config:set MODE -a earthy-instinct", "config:set"]));
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(409, json!({"detail": "bob changed nothing - release stopped"})).code("nothing-changed"),
        Answer::new(409, json!({"detail": "bob changed nothing - release stopped"})),
        Answer::new(422, json!({"detail": "OLD does not exist under values"})).code("not-set"),
        Answer::new(400, json!({"detail": "web exited with code 1 again and again"})).code("process-exited"),
        Answer::new(503, json!({"detail": "Service temporarily unavailable, try again later."})).code("unavailable"),
        Answer { status: 502, body: "<html>bad gateway</html>".to_owned(), code: None },
        Answer { status: 201, body: "<html>hello</html>".to_owned(), code: None },
    ];
    let told = refusals.map(|refusal| {
        Machine::logged_in(StubBuilder::new().answer(ENDPOINT, refusal)).run("config:set A=1 -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}
