use std::fs;

use serde_json::json;

use crate::stub::{Answer, StubBuilder};
use crate::transcript::Machine;

const CREDENTIALS: &str = "--username=bob --password=s3cret";

#[test]
fn register_makes_a_user_and_logs_in() {
    let machine = Machine::fresh(StubBuilder::new());
    let line = format!("register deis.example.com {CREDENTIALS} --email=bob@example.com");
    insta::assert_snapshot!(machine.run(&line) + &fs::read_to_string(machine.path("home/.deis/client.json")).unwrap());
}

#[test]
fn register_without_login_writes_no_file() {
    let machine = Machine::fresh(StubBuilder::new());
    let line = format!("auth:register http://deis.example.com {CREDENTIALS} --email=b@x.org --login=false");
    insta::assert_snapshot!(machine.run(&line));
    assert!(!machine.path("home/.deis").exists());
}

#[test]
fn an_admin_registers_others_with_the_admins_token() {
    let line = format!("register deis.example.com {CREDENTIALS} --email=b@x.org --login=false");
    insta::assert_snapshot!(Machine::usual().run(&line));
}

#[test]
fn a_refused_registration_says_so() {
    let refusal = Answer::new(403, json!({"detail": "Registration is disabled"}));
    let machine = Machine::fresh(StubBuilder::new().answer("POST /v2/auth/register/", refusal));
    insta::assert_snapshot!(machine.run(&format!("register deis.example.com {CREDENTIALS} --email=b@x.org")));
}

#[test]
fn login_reads_the_password_from_stdin() {
    let machine = Machine::fresh(StubBuilder::new());
    let environment = [("DEIS_CONTROLLER", "http://deis.example.com")];
    insta::assert_snapshot!(machine.run_with("login --username=bob --password-stdin", &environment, "s3cret\nmore\n"));
}

#[test]
fn login_keeps_the_users_limit_and_writes_the_profile_asked_for() {
    let machine = Machine::fresh(StubBuilder::new());
    let file = "project/live.json";
    machine
        .write(file, r#"{"username":"x","ssl_verify":false,"controller":"http://y","token":"z","response_limit":7}"#);
    let transcript = machine.run(&format!("login deis.example.com {CREDENTIALS} -c ./live.json"));
    insta::assert_snapshot!(transcript + &fs::read_to_string(machine.path(file)).unwrap());
}

#[test]
fn a_wrong_password_is_told() {
    let refusal = json!({"non_field_errors": ["Unable to log in with provided credentials."]});
    let machine = Machine::fresh(StubBuilder::new().answer("POST /v2/auth/login/", Answer::new(400, refusal)));
    insta::assert_snapshot!(machine.run(&format!("login deis.example.com {CREDENTIALS}")));
}

#[test]
fn what_is_no_controller_gets_no_password() {
    let machine = Machine::fresh(StubBuilder::new().answer("GET /v2/", Answer::new(200, json!({}))));
    insta::assert_snapshot!(machine.run(&format!("login deis.example.com {CREDENTIALS}")));
}

#[test]
fn what_is_missing_and_cannot_be_asked_is_named() {
    let machine = Machine::fresh(StubBuilder::new());
    insta::assert_snapshot!(machine.run_all(&[
        "login",
        "login deis.example.com",
        "login deis.example.com --username=bob",
        "register deis.example.com --username=bob --password=x",
    ]));
}

#[test]
fn logout_forgets_the_token() {
    let machine = Machine::usual();
    insta::assert_snapshot!(machine.run_all(&["logout", "logout", "whoami"]));
}

#[test]
fn whoami_asks_the_controller() {
    let machine = Machine::usual();
    insta::assert_snapshot!(machine.run_all(&["whoami", "auth:whoami --all", "whoami --output yaml"]));
}

#[test]
fn an_old_token_is_told() {
    let refusal = Answer::new(401, json!({"detail": "Invalid token."})).code("invalid-credentials");
    let machine = Machine::logged_in(StubBuilder::new().answer("GET /v2/auth/whoami/", refusal));
    insta::assert_snapshot!(machine.run("whoami"));
}

#[test]
fn a_script_needs_no_file() {
    let machine = Machine::fresh(StubBuilder::new());
    let controller = ("DEIS_CONTROLLER", "deis.example.com");
    insta::assert_snapshot!(
        machine.run_with("whoami", &[controller, ("DEIS_TOKEN", "abc")], "")
            + &machine.run_with("whoami", &[controller], "")
    );
}

#[test]
fn a_token_is_not_shown_to_another_controller() {
    let machine = Machine::usual();
    let elsewhere = [("DEIS_CONTROLLER", "deis.example.org")];
    insta::assert_snapshot!(machine.run_with("whoami", &elsewhere, ""));
}

#[test]
fn a_profile_chooses_the_file() {
    let machine = Machine::fresh(StubBuilder::new());
    insta::assert_snapshot!(
        machine.run("whoami -c staging")
            + &machine.run("whoami --config=staging")
            + &machine.run_with("whoami", &[("DEIS_PROFILE", "live")], "")
            + &machine.run("-c staging whoami")
    );
}

#[test]
fn a_damaged_file_is_told() {
    let machine = Machine::fresh(StubBuilder::new());
    machine.write("home/.deis/client.json", "{");
    insta::assert_snapshot!(machine.run("whoami"));
}
