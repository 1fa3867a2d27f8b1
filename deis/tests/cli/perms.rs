use serde_json::json;

use crate::stub::{Answer, StubBuilder, page};
use crate::transcript::Machine;

#[test]
fn collaborators_are_listed_added_and_removed() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "perms -a earthy-instinct",
        "perms:list -a earthy-instinct --output json",
        "perms:create alice -a earthy-instinct",
        "perms:delete alice -a earthy-instinct",
    ]));
}

#[test]
fn administrators_are_listed_added_and_removed() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "perms:list --admin",
        "perms:list --admin -l 5 --output yaml",
        "perms:create alice --admin",
        "perms:delete alice --admin",
    ]));
}

#[test]
fn sharing_is_the_same_by_another_name() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "sharing -a earthy-instinct",
        "sharing:list -a earthy-instinct",
        "sharing:add alice -a earthy-instinct",
        "sharing:remove alice -a earthy-instinct",
    ]));
}

#[test]
fn nobody_shares_an_app() {
    let stub = StubBuilder::new()
        .answer("GET /v2/apps/earthy-instinct/perms/", Answer::new(200, json!({"users": []})))
        .answer("GET /v2/admin/perms/", Answer::new(200, page(0, json!([]))));
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&["perms -a earthy-instinct", "perms --admin"]));
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(404, json!("No User matches the given query.")).code("not-found"),
        Answer::new(403, json!({"detail": "no"})).code("permission-denied"),
        Answer::new(409, json!({"detail": "alice may use earthy-instinct already."})).code("already-exists"),
    ];
    let told = refusals.map(|refusal| {
        let stub = StubBuilder::new()
            .answer("POST /v2/apps/earthy-instinct/perms/", refusal.clone())
            .answer("POST /v2/admin/perms/", refusal);
        Machine::logged_in(stub).run_all(&["perms:create alice -a earthy-instinct", "perms:create alice --admin"])
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn wrong_arguments_are_told() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "perms:create",
        "perms:list --admin -a earthy-instinct",
        "perms:list --limit 3",
    ]));
}
