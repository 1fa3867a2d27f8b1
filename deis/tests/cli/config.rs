use std::fs;

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
fn a_private_key_is_sent_as_base64_from_wherever_it_comes() {
    let machine = Machine::usual();
    machine
        .write("project/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n");
    let file = machine.run("config:set SSH_KEY=id_ed25519 -a earthy-instinct");
    let pushed = machine.run_with("config:push -a earthy-instinct", &[], "SSH_KEY=id_ed25519\n");
    insta::assert_snapshot!(file + &pushed + &machine.run("config:set SSH_KEY=hunter2 -a earthy-instinct"));
}

#[test]
fn whoever_sets_old_checks_is_told_of_new_ones() {
    insta::assert_snapshot!(Machine::usual().run("config:set HEALTHCHECK_URL=/health -a earthy-instinct"));
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

#[test]
fn pull_prints_into_a_pipe() {
    let values = config(json!({"MODE": "test", "PEM": "-----BEGIN\n-----END", "URL": "http://x/?a=b c"}));
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/config/", Answer::new(200, values));
    insta::assert_snapshot!(Machine::logged_in(stub).run("config:pull -a earthy-instinct"));
}

#[test]
fn push_reads_a_pipe_or_a_file() {
    let machine = Machine::usual();
    let piped = machine.run_with("config:push -a earthy-instinct", &[], "#note\r\nMODE=test\r\n\r\nURL=a=b\n");
    let missing = machine.run_all(&["config:push -a earthy-instinct", "config:push --path nowhere -a earthy-instinct"]);
    fs::write(machine.path("project/.env"), "A=1\n").unwrap();
    fs::write(machine.path("project/live.env"), "A=2\n").unwrap();
    let file = machine.run_with("config:push -p live.env -a earthy-instinct", &[], "A=3\n");
    let default = machine.run("config:push -a earthy-instinct");
    insta::assert_snapshot!(piped + &missing + &file + &default);
}

#[test]
fn push_sends_nothing_when_a_line_is_no_pair() {
    insta::assert_snapshot!(Machine::usual().run_with("config:push -a earthy-instinct", &[], "A=1\nno pair\n"));
}

#[test]
fn a_value_is_read_from_standard_input() {
    let machine = Machine::usual();
    let set = |line: &str, input: &str| machine.run_with(&format!("config:set {line} -a earthy-instinct"), &[], input);
    let certificate = set("--stdin TLS_CERT", "-----BEGIN\nAAAA\n-----END\n");
    let beside = set("MODE=test --stdin NOTHING", "");
    insta::assert_snapshot!(certificate + &beside);
}

#[test]
fn a_value_from_standard_input_that_cannot_be_one_is_not_sent() {
    let machine = Machine::usual();
    let set = |line: &str, input: &str| machine.run_with(&format!("config:set {line} -a earthy-instinct"), &[], input);
    let large = set("--stdin BLOB", &"x".repeat(1 << 20));
    let no_text = set("--stdin BLOB", "a\0b");
    let twice = set("--stdin MODE MODE=test", "live\n");
    let no_key = set("--stdin 1A", "x");
    insta::assert_snapshot!(large + &no_text + &twice + &no_key + &machine.run("help config:set"));
}
