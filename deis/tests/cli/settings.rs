use serde_json::json;

use crate::stub::{Answer, StubBuilder, app_settings, tls};
use crate::transcript::Machine;

fn app(path: &str) -> String {
    path.replace(' ', " /v2/apps/earthy-instinct/")
}

#[test]
fn what_is_set_is_shown() {
    let mut settings = app_settings(json!({}));
    settings["maintenance"] = json!(true);
    settings["routable"] = json!(false);
    settings["label"] = json!({"team": "frontend", "stage": "test"});
    let stub = StubBuilder::new()
        .answer(&app("GET settings/"), Answer::new(200, settings))
        .answer(&app("GET whitelist/"), Answer::new(200, json!({"addresses": []})))
        .answer(&app("GET services/"), Answer::new(200, json!({"services": []})))
        .answer(&app("GET tls/"), Answer::new(200, tls(json!(null))));
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&[
        "maintenance -a earthy-instinct",
        "maintenance --output json -a earthy-instinct",
        "routing -a earthy-instinct",
        "labels -a earthy-instinct",
        "labels --output yaml -a earthy-instinct",
        "whitelist -a earthy-instinct",
        "tls -a earthy-instinct",
        "services -a earthy-instinct",
    ]));
}

#[test]
fn refusals_are_told() {
    let nothing = || Answer::new(409, json!({"detail": "bob changed nothing"})).code("nothing-changed");
    let stub = StubBuilder::new()
        .answer(&app("POST settings/"), nothing())
        .answer(&app("POST tls/"), nothing())
        .answer(
            &app("POST whitelist/"),
            Answer::new(400, json!(["The address x is not valid"])).code("invalid-argument"),
        )
        .answer(
            &app("DELETE whitelist/"),
            Answer::new(422, json!({"detail": "addresses 192.0.2.7 does not exist in whitelist"})).code("not-set"),
        )
        .answer(
            &app("POST services/"),
            Answer::new(400, json!(["Service value should be valid regex (or set of regex split by comma)"]))
                .code("invalid-argument"),
        )
        .answer(
            &app("DELETE services/"),
            Answer::new(404, json!("No Service matches the given query.")).code("not-found"),
        );
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&[
        "maintenance:on -a earthy-instinct",
        "tls:enable -a earthy-instinct",
        "whitelist:add x -a earthy-instinct",
        "whitelist:remove 192.0.2.7 -a earthy-instinct",
        "whitelist:add -a earthy-instinct",
        "labels:set =x -a earthy-instinct",
        "services:add --type api --route ( -a earthy-instinct",
        "services:add api /api -a earthy-instinct",
        "services:remove worker -a earthy-instinct",
    ]));
}
