use serde_json::json;

use crate::stub::{Answer, StubBuilder, app_settings};
use crate::transcript::Machine;

const SETTINGS: &str = "/v2/apps/earthy-instinct/settings/";

#[test]
fn rules_are_listed() {
    let rules = app_settings(json!({
        "web": {"min": 3, "max": 8, "cpu_percent": 40}, "worker": {"min": 1, "max": 2, "cpu_percent": 75}
    }));
    let stub = StubBuilder::new().answer(&format!("GET {SETTINGS}"), Answer::new(200, rules));
    insta::assert_snapshot!(
        Machine::logged_in(stub)
            .run_all(&["autoscale -a earthy-instinct", "autoscale:list -a earthy-instinct --output json"])
            + &Machine::usual().run("autoscale -a earthy-instinct")
    );
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(422, json!({"detail": "web does not exist under autoscale"})).code("not-set"),
        Answer::new(409, json!({"detail": "bob changed nothing"})).code("nothing-changed"),
        Answer::new(400, json!({"autoscale": ["max replicas can not be smaller than min replicas"]}))
            .code("invalid-argument"),
    ];
    let told = refusals.map(|refusal| {
        Machine::logged_in(StubBuilder::new().answer(&format!("POST {SETTINGS}"), refusal))
            .run("autoscale:set web --min=2 --max=1 --cpu-percent=75 -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn wrong_arguments_are_not_sent() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "autoscale:set web -a earthy-instinct",
        "autoscale:set web --min=-1 --max=1 --cpu-percent=75 -a earthy-instinct",
        "autoscale:set web --min=1 --max=many --cpu-percent=75 -a earthy-instinct",
        "autoscale:set Web --min=1 --max=2 --cpu-percent=75 -a earthy-instinct",
        "autoscale:unset -a earthy-instinct",
    ]));
}
