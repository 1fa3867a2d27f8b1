use serde_json::json;

use crate::stub::{Answer, StubBuilder, domain, page};
use crate::transcript::Machine;

#[test]
fn domains_are_listed() {
    let two = page(3, json!([domain("earthy-instinct"), domain("www.example.com")]));
    let none = page(0, json!([]));
    let told = [two, none].map(|answer| {
        let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/domains/", Answer::new(200, answer));
        Machine::logged_in(stub)
            .run_all(&["domains -a earthy-instinct -l 2", "domains:list -a earthy-instinct --output json"])
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_domain_is_added_and_removed() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "domains:add www.example.com -a earthy-instinct",
        "domains:remove www.example.com -a earthy-instinct",
    ]));
}

/// A wildcard and a name in another script stay what they are on their way.
#[test]
fn every_name_can_be_removed() {
    let stub = StubBuilder::new()
        .answer("DELETE /v2/apps/earthy-instinct/domains/*.example.com", Answer::empty(204))
        .answer("DELETE /v2/apps/earthy-instinct/domains/b%C3%BCcher.example", Answer::empty(204));
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&[
        "domains:remove *.example.com -a earthy-instinct",
        "domains:remove bücher.example -a earthy-instinct",
    ]));
}

#[test]
fn refusals_are_told() {
    let taken = "The domain www.example.com is already in use by another app";
    let refusals = [
        Answer::new(400, json!({"domain": ["Hostname does not look valid."]})).code("invalid-argument"),
        Answer::new(400, json!({"domain": ["Hostname can't only be a wildcard"]})).code("invalid-argument"),
        Answer::new(400, json!({"domain": ["Domain is already in use by another application"]})),
        Answer::new(400, json!({"domain": [taken]})).code("already-exists"),
        Answer::new(403, json!({"detail": "no"})).code("permission-denied"),
        Answer::new(404, json!("No App matches the given query.")).code("not-found"),
    ];
    let told = refusals.map(|refusal| {
        let stub = StubBuilder::new().answer("POST /v2/apps/earthy-instinct/domains/", refusal);
        Machine::logged_in(stub).run("domains:add www.example.com -a earthy-instinct")
    });
    let unknown = Answer::new(404, json!("No Domain matches the given query.")).code("not-found");
    let stub = StubBuilder::new().answer("DELETE /v2/apps/earthy-instinct/domains/x.org", unknown);
    let unknown = Machine::logged_in(stub).run("domains:remove x.org -a earthy-instinct");
    insta::assert_snapshot!(told.concat() + &unknown);
}

#[test]
fn wrong_arguments_are_told() {
    insta::assert_snapshot!(Machine::usual().run_all(&["domains:add", "domains:remove a b", "domains:ad x"]));
}
