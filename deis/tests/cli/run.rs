use serde_json::json;

use crate::stub::{Answer, StubBuilder};
use crate::transcript::Machine;

const RUN: &str = "POST /v2/apps/earthy-instinct/run/";

fn answering(answer: Answer) -> Machine {
    Machine::logged_in(StubBuilder::new().answer(RUN, answer))
}

/// What follows the command is the command's, also what looks like an option.
#[test]
fn a_command_ends_as_it_ended_there() {
    let ended = |code: i32, output: &str| answering(Answer::new(200, json!({ "exit_code": code, "output": output })));
    let told = [
        ended(0, "total 0\n").run("run -a earthy-instinct ls -a -l --detach"),
        ended(3, "no such table: users\n").run("run -a earthy-instinct -- ./migrate --all"),
        ended(137, "").run("apps:run --timeout 2h -a earthy-instinct sleep 1d"),
    ];
    insta::assert_snapshot!(told.concat());
}

#[test]
fn nobody_waits_for_a_command_that_is_detached() {
    let started = answering(Answer::new(202, json!({ "pod": "earthy-instinct-run-x7k2p" })));
    insta::assert_snapshot!(started.run("run --detach --timeout 90s -a earthy-instinct ./migrate"));
}

#[test]
fn what_does_not_run_is_told() {
    let refusals = [
        Answer::new(503, json!({ "detail": "earthy-instinct-run-x7k2p (run): Timed out (20 mins) while running" }))
            .code("deadline-exceeded"),
        Answer::new(400, json!({ "detail": "No build associated with this release to run this command" }))
            .code("no-build"),
        Answer::new(503, json!({ "detail": "Service temporarily unavailable, try again later." })),
    ];
    let told = refusals.map(|refusal| answering(refusal).run("run -a earthy-instinct ls"));
    insta::assert_snapshot!(told.concat() + &Machine::usual().run("run -a earthy-instinct"));
}
