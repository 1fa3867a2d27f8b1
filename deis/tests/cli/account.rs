//! What a person does to an account: another password, another token, an end.

use std::fs;

use serde_json::json;

use crate::stub::{Answer, OTHER_TOKEN, StubBuilder, TOKEN};
use crate::terminal::{answer_all, on_terminal, read_until};
use crate::transcript::Machine;

const FILE: &str = "home/.deis/client.json";

fn file(machine: &Machine) -> String {
    fs::read_to_string(machine.path(FILE)).unwrap()
}

#[test]
fn a_password_is_changed_by_options_and_by_standard_input() {
    let machine = Machine::usual();
    insta::assert_snapshot!(
        machine.run("passwd --password=s3cret --new-password=n3w")
            + &machine.run_with("auth:passwd --password-stdin", &[], "s3cret\nn3w\nmore\n")
            + &machine.run_with("auth:passwd --username=alice --password-stdin", &[], "n3w\n")
            + &machine.run("auth:passwd --username=alice --new-password=n3w")
            + &machine.run("auth:passwd --new-password=n3w")
    );
    assert!(file(&machine).contains(TOKEN), "a token outlives its user's password");
}

#[test]
fn a_refused_password_says_so() {
    let refused = |status, detail: &str| {
        let answer = Answer::new(status, json!({ "detail": detail }));
        let machine = Machine::logged_in(StubBuilder::new().answer("POST /v2/auth/passwd/", answer));
        machine.run("passwd --password=wrong --new-password=n3w")
    };
    insta::assert_snapshot!(
        refused(401, "Current password does not match")
            + &refused(401, "Invalid token.")
            + &refused(403, "You do not have permission to perform this action.")
    );
}

#[test]
fn a_person_is_asked_for_three_passwords_and_none_is_shown() {
    let machine = Machine::usual();
    let mut child = on_terminal(&machine, "passwd", "");
    let answers = [("current password: ", "s3cret"), ("new password: ", "n3w"), ("new password (confirm): ", "n3w")];
    let shown = answer_all(&mut child, &answers) + &read_until(&mut child, "Password change succeeded.");
    assert!(!shown.contains("s3cret") && !shown.contains("n3w"), "{shown:?}");
    let asked = machine.stub.asked.try_iter().collect::<Vec<_>>();
    assert_eq!(asked, [r#"POST /v2/auth/passwd/ token TOKEN {"password":"s3cret","new_password":"n3w"}"#]);
}

#[test]
fn two_different_passwords_change_nothing() {
    let machine = Machine::usual();
    let mut child = on_terminal(&machine, "passwd --username=alice", "");
    answer_all(&mut child, &[("new password: ", "n3w"), ("new password (confirm): ", "new")]);
    read_until(&mut child, "Password mismatch, not changing.");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(machine.stub.asked.try_iter().count(), 0);
}

#[test]
fn a_new_token_of_ones_own_is_kept_and_shown_to_nobody() {
    for line in ["auth:regenerate", "auth:regenerate -u bob"] {
        let machine = Machine::usual();
        let transcript = machine.run(line);
        assert!(transcript.contains("Token Regenerated"), "{transcript}");
        assert!(!transcript.contains(OTHER_TOKEN), "{transcript}");
        assert_eq!(file(&machine).matches(OTHER_TOKEN).count(), 1);
        assert!(!file(&machine).contains(TOKEN));
        assert!(machine.run("whoami").contains(&format!("token {OTHER_TOKEN}")), "the next call has the new one");
    }
}

#[test]
fn the_tokens_of_others_are_theirs() {
    let machine = Machine::usual();
    let others = machine.run("auth:regenerate --username=alice");
    assert!(file(&machine).contains(TOKEN) && !file(&machine).contains(OTHER_TOKEN));
    let everybody = Machine::logged_in(StubBuilder::new().answer("POST /v2/auth/tokens/", Answer::new(200, json!(""))));
    insta::assert_snapshot!(
        others + &everybody.run("auth:regenerate --all") + &everybody.run("auth:regenerate --all --username=alice")
    );
}

#[test]
fn a_token_of_the_environment_is_not_ended_for_one_that_nobody_would_have() {
    let machine = Machine::usual();
    let environment = [("DEIS_TOKEN", "abc")];
    insta::assert_snapshot!(
        machine.run_with("auth:regenerate", &environment, "")
            + &machine.run_with("auth:regenerate -u bob", &environment, "")
            + &machine.run_with("auth:regenerate -u alice", &environment, "")
    );
    assert!(file(&machine).contains(TOKEN));
}

#[test]
fn ones_own_account_is_cancelled_after_the_password_and_the_login_is_forgotten() {
    let machine = Machine::usual();
    insta::assert_snapshot!(
        machine.run("auth:cancel --password=s3cret --yes")
            + &machine.run("whoami")
            + &{
                let again = Machine::usual();
                again.run_with("auth:cancel --username=bob --password-stdin --yes", &[], "s3cret\n")
            }
    );
    assert!(!machine.path(FILE).exists());
}

#[test]
fn an_administrator_cancels_others_and_stays_logged_in() {
    let machine = Machine::usual();
    insta::assert_snapshot!(machine.run_all(&[
        "auth:cancel --username=alice --yes",
        "auth:cancel --username=alice --password=s3cret --yes",
        "auth:cancel --username=alice",
    ]));
    assert!(file(&machine).contains(TOKEN));
}

#[test]
fn a_refused_end_of_an_account_leaves_the_login() {
    let owns = json!({"detail": "bob still has applications assigned. Delete or transfer ownership"});
    let wrong = json!({"non_field_errors": ["Unable to log in with provided credentials."]});
    let refusals = [
        ("DELETE /v2/auth/cancel/", Answer::new(409, owns).code("still-owns-apps")),
        ("POST /v2/auth/login/", Answer::new(400, wrong)),
    ];
    let told = refusals.map(|(endpoint, refusal)| {
        let machine = Machine::logged_in(StubBuilder::new().answer(endpoint, refusal));
        let told = machine.run("auth:cancel --password=s3cret --yes");
        assert!(file(&machine).contains(TOKEN));
        told
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_person_who_does_not_say_yes_cancels_nothing() {
    for (answer, calls) in [("", 1), ("no", 1), ("Y", 2)] {
        let machine = Machine::usual();
        let mut child = on_terminal(&machine, "auth:cancel", "");
        let question = "cancel account bob at http://deis.example.com? (y/N): ";
        let shown = answer_all(&mut child, &[("password: ", "s3cret"), (question, answer)]);
        assert!(!shown.contains("s3cret"), "{shown:?}");
        let cancelled = answer == "Y";
        read_until(&mut child, if cancelled { "Account cancelled" } else { "Account not changed" });
        assert!(child.wait().unwrap().success());
        assert_eq!(machine.stub.asked.try_iter().count(), calls, "{answer:?}");
        assert_eq!(machine.path(FILE).exists(), !cancelled);
    }
}
