use serde_json::json;

use crate::stub::{Answer, StubBuilder, config_of};
use crate::transcript::Machine;

const ENDPOINT: &str = "POST /v2/apps/earthy-instinct/config/";

#[test]
fn credentials_are_listed() {
    let known = config_of("registry", json!({"username": "bob", "password": "s3cret"}));
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/config/", Answer::new(200, known));
    insta::assert_snapshot!(
        Machine::logged_in(stub)
            .run_all(&["registry -a earthy-instinct", "registry:list -a earthy-instinct --output json"])
            + &Machine::usual().run("registry -a earthy-instinct")
    );
}

#[test]
fn set_and_unset_show_what_is_set_then() {
    let known = Answer::new(201, config_of("registry", json!({"username": "bob"})));
    let machine = Machine::logged_in(StubBuilder::new().answer(ENDPOINT, known));
    insta::assert_snapshot!(
        machine.run("registry:set username=bob password=s=cret -a earthy-instinct")
            + &machine.run_with("registry:set username=bob --password-stdin -a earthy-instinct", &[], "s3cret\n")
            + &machine.run("registry:unset password -a earthy-instinct")
    );
}

#[test]
fn refusals_are_told() {
    let no_port = json!({"detail": "PORT needs to be set in the config when using a private registry"});
    let refusals = [
        Answer::new(400, no_port).code("failed-precondition"),
        Answer::new(422, json!({"detail": "username does not exist under registry"})).code("not-set"),
    ];
    let told = refusals.map(|refusal| {
        Machine::logged_in(StubBuilder::new().answer(ENDPOINT, refusal))
            .run("registry:set username=bob -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn wrong_arguments_are_not_sent() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "registry:set hostname=quay.io -a earthy-instinct",
        "registry:set username -a earthy-instinct",
        "registry:set -a earthy-instinct",
        "registry:unset user -a earthy-instinct",
    ]));
}
