use serde_json::json;

use crate::stub::{Answer, StubBuilder, config_of};
use crate::transcript::Machine;

const ENDPOINT: &str = "POST /v2/apps/earthy-instinct/config/";

#[test]
fn limits_are_listed() {
    let limited = config_of("memory", json!({"web": "256M/512M", "worker": "1G"}));
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/config/", Answer::new(200, limited));
    insta::assert_snapshot!(
        Machine::logged_in(stub)
            .run_all(&["limits -a earthy-instinct", "limits:list -a earthy-instinct --output json"])
            + &Machine::usual().run("limits -a earthy-instinct")
    );
}

#[test]
fn set_and_unset_show_what_is_set_then() {
    let limited = Answer::new(201, config_of("cpu", json!({"web": "250m/500m"})));
    let machine = Machine::logged_in(StubBuilder::new().answer(ENDPOINT, limited));
    insta::assert_snapshot!(machine.run_all(&[
        "limits:set web=250m/500m --cpu -a earthy-instinct",
        "limits:set web=512M worker=1G/2G -a earthy-instinct",
        "limits:set web=512MB -m -a earthy-instinct",
        "limits:unset web worker -a earthy-instinct",
        "limits:unset --cpu web -a earthy-instinct",
    ]));
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(422, json!({"detail": "web does not exist under memory"})).code("not-set"),
        Answer::new(409, json!({"detail": "bob changed nothing - release stopped"})).code("nothing-changed"),
        Answer::new(400, json!({"memory": ["Memory limit format: <number><unit>"]})).code("invalid-argument"),
        Answer::new(400, json!({"detail": "web needed more memory than its limit of 1M"})).code("out-of-memory"),
    ];
    let told = refusals.map(|refusal| {
        Machine::logged_in(StubBuilder::new().answer(ENDPOINT, refusal)).run("limits:set web=1M -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn wrong_arguments_are_not_sent() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "limits:set web -a earthy-instinct",
        "limits:set web=1T -a earthy-instinct",
        "limits:set web=1 --cpu --memory -a earthy-instinct",
        "limits:unset -a earthy-instinct",
    ]));
}
