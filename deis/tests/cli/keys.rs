use serde_json::json;

use crate::stub::{Answer, StubBuilder, page};
use crate::transcript::Machine;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA bob@laptop\n";

#[test]
fn keys_are_listed() {
    insta::assert_snapshot!(Machine::usual().run_all(&["keys", "keys:list --output json"]));
}

#[test]
fn with_a_token_alone_the_user_is_asked_for() {
    let machine = Machine::logged_in(StubBuilder::new().answer("GET /v2/keys/", Answer::new(200, page(0, json!([])))));
    insta::assert_snapshot!(machine.run_with("keys", &[("DEIS_TOKEN", "abc")], ""));
}

#[test]
fn a_key_is_added_under_its_comment_its_files_name_or_a_name_of_choice() {
    let machine = Machine::usual();
    machine.write("project/id_ed25519.pub", KEY);
    machine.write("project/work.pub", "ssh-rsa AAAAB3Nza\n");
    insta::assert_snapshot!(machine.run_all(&[
        "keys:add id_ed25519.pub",
        "keys:add work.pub",
        "keys:add ci id_ed25519.pub",
    ]));
}

#[test]
fn other_files_are_not_uploaded() {
    let machine = Machine::usual();
    machine.write("project/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    insta::assert_snapshot!(machine.run_all(&["keys:add id_ed25519", "keys:add name missing.pub"]));
}

#[test]
fn without_a_file_the_found_ones_are_shown() {
    let machine = Machine::usual();
    machine.write("home/.ssh/id_ed25519.pub", KEY);
    machine.write("home/.ssh/broken.pub", "no key");
    insta::assert_snapshot!(machine.run("keys:add"));
}

#[test]
fn a_key_that_is_in_use_is_refused() {
    let refusal = Answer::new(400, json!({"public": ["Public Key is already in use"]})).code("already-exists");
    let machine = Machine::logged_in(StubBuilder::new().answer("POST /v2/keys/", refusal));
    machine.write("project/id_ed25519.pub", KEY);
    insta::assert_snapshot!(machine.run("keys:add id_ed25519.pub"));
}

#[test]
fn a_key_is_removed_by_its_name() {
    let missing = Answer::new(404, json!("No Key matches the given query.")).code("not-found");
    let machine = Machine::logged_in(StubBuilder::new().answer("DELETE /v2/keys/none", missing));
    insta::assert_snapshot!(machine.run_all(&["keys:remove bob@laptop", "keys:remove none"]));
}
