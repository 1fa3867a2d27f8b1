use serde_json::json;

use crate::stub::{Answer, StubBuilder, certificate, page};
use crate::transcript::Machine;

const CHAIN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

fn machine(stub: StubBuilder) -> Machine {
    let machine = Machine::logged_in(stub);
    machine.write("project/chain.pem", CHAIN);
    machine.write("project/key.pem", "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n");
    machine
}

#[test]
fn certificates_are_listed() {
    let mut bare = certificate("bare");
    for (field, value) in
        [("common_name", json!(null)), ("expires", json!(null)), ("san", json!([])), ("domains", json!([]))]
    {
        bare[field] = value;
    }
    let two = page(3, json!([certificate("www-example-com"), bare]));
    let told = [two, page(0, json!([]))].map(|answer| {
        let stub = StubBuilder::new().answer("GET /v2/certs/", Answer::new(200, answer));
        Machine::logged_in(stub).run_all(&["certs -l 2", "certs:list --output json"])
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_certificate_is_added_attached_detached_and_removed() {
    insta::assert_snapshot!(machine(StubBuilder::new()).run_all(&[
        "certs:add www-example-com chain.pem key.pem",
        "certs:attach www-example-com www.example.com",
        "certs:detach www-example-com www.example.com",
        "certs:remove www-example-com",
    ]));
}

#[test]
fn one_without_names_and_domains_says_so() {
    let mut bare = certificate("bare");
    for (field, value) in
        [("common_name", json!(null)), ("expires", json!(null)), ("san", json!([])), ("domains", json!([]))]
    {
        bare[field] = value;
    }
    let stub = StubBuilder::new().answer("GET /v2/certs/bare", Answer::new(200, bare));
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&["certs:info bare", "certs:info bare --output json"]));
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(400, json!({"certificate": ["Could not load certificate: there is none."]}))
            .code("invalid-argument"),
        Answer::new(400, json!({"key": ["Could not load private key: it is encrypted."]})).code("invalid-argument"),
        Answer::new(400, json!({"non_field_errors": ["Certificate and private key do not match!"]}))
            .code("invalid-argument"),
        Answer::new(400, json!({"name": ["Can only contain a-z (lowercase), 0-9 and hyphens"]}))
            .code("invalid-argument"),
        Answer::new(400, json!({"name": ["Certificate with this name already exists."]})).code("already-exists"),
    ];
    let told = refusals.map(|refusal| {
        machine(StubBuilder::new().answer("POST /v2/certs/", refusal)).run("certs:add shop chain.pem key.pem")
    });
    let attached = Answer::new(409, json!({"detail": "Domain already has a certificate attached to it"}));
    let stub = StubBuilder::new().answer("POST /v2/certs/shop/domain/", attached.code("already-exists"));
    let attached = Machine::logged_in(stub).run("certs:attach shop www.example.com");
    insta::assert_snapshot!(told.concat() + &attached);
}

#[test]
fn wrong_arguments_are_told() {
    insta::assert_snapshot!(Machine::usual().run_all(&["certs:add shop", "certs:attach shop", "certs:ad x"]));
}
