use serde_json::{Value, json};

use crate::stub::{Answer, StubBuilder, page};
use crate::transcript::Machine;

fn user(name: &str, is_superuser: bool) -> Value {
    json!({
        "username": name, "email": "", "first_name": "", "last_name": "", "is_superuser": is_superuser,
        "is_staff": is_superuser, "is_active": true, "groups": [], "user_permissions": [], "last_login": null,
        "date_joined": "2016-08-22T17:40:16Z",
    })
}

#[test]
fn users_are_listed_with_a_mark_for_administrators() {
    let users = json!([user("alice", false), user("bob", true)]);
    let stub = StubBuilder::new().answer("GET /v2/users/", Answer::new(200, page(3, users)));
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&["users", "users:list -l 2"]));
}

#[test]
fn users_are_for_administrators() {
    let refusal = json!({"detail": "You do not have permission to perform this action."});
    let stub = StubBuilder::new().answer("GET /v2/users/", Answer::new(403, refusal).code("permission-denied"));
    insta::assert_snapshot!(Machine::logged_in(stub).run("users"));
}
