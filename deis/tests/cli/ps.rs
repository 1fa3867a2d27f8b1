use serde_json::json;

use crate::stub::{Answer, StubBuilder, pods};
use crate::transcript::Machine;

#[test]
fn processes_are_listed_by_type_and_name() {
    let several = pods(&[
        ("earthy-instinct-v2-worker-aaaaa", "worker"),
        ("earthy-instinct-v2-web-wydts", "web"),
        ("earthy-instinct-v2-web-5ouqz", "web"),
    ]);
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/pods/", Answer::new(200, several));
    insta::assert_snapshot!(
        Machine::logged_in(stub).run_all(&["ps -a earthy-instinct", "ps:list -a earthy-instinct --output yaml"])
    );
}

#[test]
fn scale_waits_and_lists() {
    insta::assert_snapshot!(Machine::usual().run("scale web=5 worker=0 -a earthy-instinct"));
}

#[test]
fn another_drink_may_come_first() {
    let drink = [("DEIS_DRINK_OF_CHOICE", "tea")];
    insta::assert_snapshot!(Machine::usual().run_with("ps:scale web=2 -a earthy-instinct", &drink, ""));
}

#[test]
fn what_is_no_number_is_not_sent() {
    insta::assert_snapshot!(
        Machine::usual().run_all(&["scale web -a earthy-instinct", "scale web=-1 -a earthy-instinct"])
    );
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(404, json!({"detail": "Container type x does not exist in application"})).code("not-found"),
        Answer::new(400, json!({"detail": "Container type x does not exist in application"})),
        Answer::new(400, json!({"detail": "No build associated with this release"})).code("failed-precondition"),
        Answer::new(403, json!({"detail": "no"})).code("permission-denied"),
    ];
    let told = refusals.map(|refusal| {
        let stub = StubBuilder::new().answer("POST /v2/apps/earthy-instinct/scale/", refusal);
        Machine::logged_in(stub).run("scale x=1 -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

const RESTART: &str = "POST /v2/apps/earthy-instinct/pods";

fn restarting(path: &str, answer: serde_json::Value) -> Machine {
    Machine::logged_in(StubBuilder::new().answer(&format!("{RESTART}{path}/restart/"), Answer::new(200, answer)))
}

#[test]
fn all_processes_one_type_or_one_process_are_restarted() {
    let web = pods(&[("earthy-instinct-v2-web-fresh", "web")])["results"].take();
    let all = restarting("", web.clone()).run("ps:restart -a earthy-instinct");
    let one_type = restarting("/web", web.clone()).run("ps:restart web -a earthy-instinct");
    let machine = restarting("/web/earthy-instinct-v2-web-wydts", web);
    let one = machine.run_all(&[
        "ps:restart earthy-instinct-v2-web-wydts -a earthy-instinct",
        "ps:restart v2-web-wydts -a earthy-instinct",
    ]);
    insta::assert_snapshot!(all + &one_type + &one);
}

#[test]
fn a_type_may_have_hyphens() {
    let clock = pods(&[("earthy-instinct-v2-clock-two-fresh", "clock-two")])["results"].take();
    insta::assert_snapshot!(restarting("/clock-two", clock).run("ps:restart clock-two -a earthy-instinct"));
}

#[test]
fn where_nothing_runs_nothing_is_restarted() {
    insta::assert_snapshot!(restarting("", json!([])).run("ps:restart -a earthy-instinct"));
}

#[test]
fn refused_restarts_are_told() {
    let refusals = [
        Answer::new(404, json!({"detail": "Container type x does not exist in application"})).code("not-found"),
        Answer::new(400, json!({"detail": "Container type x does not exist in application"})),
        Answer::new(409, json!({"detail": "A deploy of earthy-instinct is under way."})).code("deploy-in-progress"),
        Answer::new(503, json!({"detail": "Service temporarily unavailable, try again later."})).code("unavailable"),
    ];
    let told = refusals.map(|refusal| {
        let stub = StubBuilder::new().answer(&format!("{RESTART}/x/restart/"), refusal);
        Machine::logged_in(stub).run("ps:restart x -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}
