//! `--no-wait`, of every command that would wait for its change.

use serde_json::json;

use crate::stub::{Answer, StubBuilder, build, config, page, pods};
use crate::timeout::CHANGES;
use crate::transcript::Machine;

/// A controller that records and does not wait.
fn recording() -> StubBuilder {
    let path = |rest: &str| format!("POST /v2/apps/earthy-instinct/{rest}");
    let web = json!([pods(&[("earthy-instinct-v2-web-wydts", "web")])["results"][0]]);
    StubBuilder::new()
        .answer(&path("config/"), Answer::new(202, config(json!({"POWERED_BY": "Kubernetes"}))))
        .answer(&path("builds/"), Answer::new(202, build("95bd6dea-1685-4f78-a03d-fd7270b058d1", "succeeded", None)))
        .answer(&path("releases/rollback/"), Answer::new(202, json!({"version": 4})))
        .answer(&path("scale/"), Answer::empty(202))
        .answer(&path("pods/restart/"), Answer::new(202, web))
        .answer("DELETE /v2/apps/earthy-instinct/", Answer::empty(202))
}

#[test]
fn who_does_not_wait_is_told_where_to_look() {
    let machine = Machine::logged_in(recording());
    machine.write("project/.env", "A=1\n");
    let told = CHANGES.iter().map(|line| machine.run(&format!("{line} -a earthy-instinct --no-wait")));
    insta::assert_snapshot!(told.collect::<String>());
}

#[test]
fn a_refusal_is_told_all_the_same() {
    let refusal = Answer::new(409, json!({"detail": "bob changed nothing - release stopped"})).code("nothing-changed");
    let nothing = StubBuilder::new()
        .answer("POST /v2/apps/earthy-instinct/config/", refusal)
        .answer("POST /v2/apps/earthy-instinct/pods/clock/restart/", Answer::new(202, json!([])))
        .answer("GET /v2/apps/earthy-instinct/releases/", Answer::new(200, page(0, json!([]))));
    insta::assert_snapshot!(Machine::logged_in(nothing).run_all(&[
        "config:set A=1 -a earthy-instinct --no-wait",
        "ps:restart clock -a earthy-instinct --no-wait",
        "config:set A=1 -a earthy-instinct --no-wait --timeout 5m",
    ]));
}

/// Whoever can wait for a change need not.
#[test]
fn it_is_known_wherever_a_change_is_waited_for() {
    let machine = Machine::usual();
    let has_it = |name: &String| machine.run(&format!("help {name}")).contains("--no-wait");
    let mut found = machine.commands().into_iter().filter(has_it).collect::<Vec<_>>();
    found.sort();
    let mut expected = CHANGES.iter().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>();
    expected.push("config:edit");
    expected.sort_unstable();
    assert_eq!(found, expected);
}
