use serde_json::json;

use crate::stub::{Answer, StubBuilder, account_activity, activity, page};
use crate::transcript::Machine;

#[test]
fn what_was_done_is_listed_in_every_format() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "activity -a earthy-instinct",
        "activity -a earthy-instinct --output json",
        "activity -a earthy-instinct --output yaml",
    ]));
}

#[test]
fn what_was_done_to_accounts_is_listed_in_every_format() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "activity --admin",
        "activity --admin --output json",
        "activity --admin --output yaml",
        "activity --admin --limit 1 --user bob",
        "activity --user bob",
        "activity --admin --app earthy-instinct",
    ]));
}

#[test]
fn entries_that_somebody_has_changed_are_told() {
    let mut entries = activity();
    entries[1]["intact"] = json!(false);
    entries[1]["action"] = json!("\u{1b}[2Japp.scale");
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/activity/", Answer::new(200, page(2, entries)));
    insta::assert_snapshot!(Machine::logged_in(stub).run("activity -a earthy-instinct"));

    let mut entries = account_activity();
    entries[1]["intact"] = json!(false);
    let stub = StubBuilder::new().answer("GET /v2/admin/activity/", Answer::new(200, page(3, entries)));
    insta::assert_snapshot!("of_accounts", Machine::logged_in(stub).run("activity --admin"));
}
