//! Certificates: whose they are, what they are attached to, and what reaches the routers.

use deis_workflow::ledger::Certificates as _;
use rcgen::{CertificateParams, KeyPair};
use reqwest::Method;
use serde_json::json;

use super::sandbox::{Answer, Sandbox};

/// A certificate with its key, as PEM.
pub(super) fn pair(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([format!("{name}.example.com")]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Adds it, which has to go well.
pub(super) async fn add(sandbox: &Sandbox, token: &str, name: &str, pair: &(String, String)) -> Answer {
    let body = json!({ "name": name, "certificate": pair.0, "key": pair.1 });
    let added = sandbox.post("/v2/certs/", token, body).await;
    assert_eq!(added.status.as_u16(), 201, "{added:?}");
    added
}

async fn delete(sandbox: &Sandbox, token: &str, path: &str) -> u16 {
    sandbox.call(Method::DELETE, path, Some(token), None).await.status.as_u16()
}

async fn attach(sandbox: &Sandbox, token: &str, name: &str, domain: &str) -> String {
    sandbox.post(&format!("/v2/certs/{name}/domain/"), token, json!({ "domain": domain })).await.line()
}

const ATTACHED: &str = "201 - \"\"";

#[tokio::test]
async fn a_certificate_reaches_the_routers_when_it_is_attached_and_goes_when_it_is_not() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.post("/v2/apps/shop/domains/", &token, json!({ "domain": "www.example.com" })).await;
    let pair = pair("www");
    let added = add(&sandbox, &token, "www", &pair).await.body;
    assert_eq!((&added["san"], &added["domains"]), (&json!(["www.example.com"]), &json!([])));
    assert!(!added.to_string().contains("PRIVATE") && added["key"].is_null());
    assert!(sandbox.cluster.copies("shop").is_empty(), "nobody is served with it");

    // The domain in either encoding and with a dot at its end.
    assert_eq!(attach(&sandbox, &token, "www", "WWW.example.com.").await, ATTACHED);
    assert_eq!(attach(&sandbox, &token, "www", "shop").await, ATTACHED);
    let copies = sandbox.cluster.copies("shop");
    assert_eq!(copies.len(), 1, "one for both domains: {copies:?}");
    let (digest, key) = copies[0].split_once(' ').unwrap();
    assert!(pair.1.contains(key));
    let expected = [format!("shop {digest}"), format!("www.example.com {digest}")];
    assert_eq!(sandbox.cluster.certificates("shop"), expected);
    let shown = sandbox.get("/v2/certs/www/", &token).await.body;
    assert_eq!(shown["domains"], json!(["shop", "www.example.com"]));
    assert!(sandbox.workflow.ledger.unsettled().await.unwrap().is_empty());

    assert_eq!(delete(&sandbox, &token, "/v2/certs/www/domain/www.example.com").await, 204);
    assert_eq!((sandbox.cluster.certificates("shop").len(), sandbox.cluster.copies("shop").len()), (1, 1));
    assert_eq!(delete(&sandbox, &token, "/v2/certs/www/domain/www.example.com").await, 404);
    // It is taken from its domains.
    assert_eq!(delete(&sandbox, &token, "/v2/certs/www/").await, 204);
    assert_eq!((sandbox.cluster.certificates("shop").len(), sandbox.cluster.copies("shop").len()), (0, 0));
    assert_eq!(sandbox.cluster.domains("shop"), ["shop", "www.example.com"]);
    assert_eq!(delete(&sandbox, &token, "/v2/certs/www/").await, 404);
}

#[tokio::test]
async fn a_domain_and_an_app_take_their_certificates_with_them() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.post("/v2/apps/shop/domains/", &token, json!({ "domain": "www.example.com" })).await;
    for (name, domain) in [("www", "www.example.com"), ("bare", "shop")] {
        add(&sandbox, &token, name, &pair(name)).await;
        assert_eq!(attach(&sandbox, &token, name, domain).await, ATTACHED);
    }
    assert_eq!(sandbox.cluster.copies("shop").len(), 2);
    assert_eq!(delete(&sandbox, &token, "/v2/apps/shop/domains/www.example.com").await, 204);
    assert_eq!((sandbox.cluster.certificates("shop").len(), sandbox.cluster.copies("shop").len()), (1, 1));
    assert_eq!(delete(&sandbox, &token, "/v2/apps/shop/").await, 204);
    assert!(sandbox.cluster.copies("shop").is_empty());
    let listed = sandbox.get("/v2/certs/", &token).await.body;
    assert_eq!((&listed["count"], &listed["results"][0]["domains"]), (&json!(2), &json!([])));
}

#[tokio::test]
async fn a_name_is_given_once() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let one = pair("one");
    add(&sandbox, &token, "www", &one).await;
    let taken = "{\"name\":[\"Certificate with this name already exists.\"]}";
    for (certificate, code) in [(one, "nothing-changed"), (pair("two"), "already-exists")] {
        let body = json!({ "name": "www", "certificate": certificate.0, "key": certificate.1 });
        let answer = sandbox.post("/v2/certs/", &token, body).await;
        // Who asks again because an answer was lost must be able to tell.
        assert_eq!((answer.status.as_u16(), answer.code.as_deref()), (400, Some(code)));
        assert_eq!(answer.body.to_string(), taken);
    }
}

#[tokio::test]
async fn whose_a_certificate_is_not_does_not_see_it() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.app("shop").await;
    let [alice, carol] = [sandbox.user("alice").await, sandbox.user("carol").await];
    add(&sandbox, &alice, "hers", &pair("hers")).await;
    add(&sandbox, &carol, "carols", &pair("carols")).await;
    for (token, names) in [(&alice, vec!["hers"]), (&carol, vec!["carols"]), (&admin, vec![])] {
        let listed = sandbox.get("/v2/certs/", token).await.body;
        let shown =
            listed["results"].as_array().unwrap().iter().map(|certificate| certificate["name"].as_str().unwrap());
        assert_eq!(shown.collect::<Vec<_>>(), names);
        assert_eq!(listed["count"], names.len());
    }
    let missing = "404 not-found \"No Certificate matches the given query.\"";
    assert_eq!(sandbox.get("/v2/certs/hers/", &carol).await.line(), missing);
    assert_eq!(attach(&sandbox, &carol, "hers", "shop").await, missing);
    assert_eq!(delete(&sandbox, &carol, "/v2/certs/hers/domain/shop").await, 404);
    assert_eq!(delete(&sandbox, &carol, "/v2/certs/hers/").await, 404);
    assert_eq!(delete(&sandbox, &admin, "/v2/certs/hers/").await, 404);
    assert_eq!(delete(&sandbox, &alice, "/v2/certs/hers/").await, 204);
    assert_eq!(sandbox.get("/v2/certs/", &alice).await.body["results"], json!([]));
}

#[tokio::test]
async fn only_domains_of_ones_own_apps_get_a_certificate() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.app("shop").await;
    let [alice, carol] = [sandbox.user("alice").await, sandbox.user("carol").await];
    sandbox.post("/v2/apps/shop/perms/", &bob, json!({ "username": "alice" })).await;
    for (token, name) in [(&alice, "hers"), (&carol, "carols")] {
        add(&sandbox, token, name, &pair(name)).await;
    }
    let missing = "404 not-found \"No Domain matches the given query.\"";
    assert_eq!(attach(&sandbox, &carol, "carols", "shop").await, missing, "it is not hers");
    assert_eq!(attach(&sandbox, &alice, "hers", "*").await, missing, "nobody's");
    assert_eq!(attach(&sandbox, &alice, "hers", "shop").await, ATTACHED, "she may change the app");
    let refused = "{\"detail\":\"Domain already has a certificate attached to it\"}";
    assert_eq!(attach(&sandbox, &alice, "hers", "shop").await, format!("409 nothing-changed {refused}"));
    add(&sandbox, &alice, "other", &pair("other")).await;
    assert_eq!(attach(&sandbox, &alice, "other", "shop").await, format!("409 already-exists {refused}"));
    // The certificate stays hers; the app's owner decides about the domain.
    let gone = sandbox.call(Method::DELETE, "/v2/apps/shop/perms/alice", Some(&bob), None).await;
    assert_eq!(gone.status.as_u16(), 204);
    assert_eq!(delete(&sandbox, &carol, "/v2/certs/hers/domain/shop").await, 404);
    assert_eq!(delete(&sandbox, &bob, "/v2/certs/hers/domain/shop").await, 204);
    assert!(sandbox.cluster.copies("shop").is_empty());
    assert_eq!(attach(&sandbox, &alice, "hers", "shop").await, missing, "she may not change it any more");
}

#[tokio::test]
async fn an_account_with_certificates_stays() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    let alice = sandbox.user("alice").await;
    add(&sandbox, &alice, "hers", &pair("hers")).await;
    let refused = sandbox.call(Method::DELETE, "/v2/auth/cancel/", Some(&alice), None).await.line();
    let detail = "alice still has certificates. Remove them with 'deis certs:remove' first";
    assert_eq!(refused, format!("409 still-owns-certificates {{\"detail\":\"{detail}\"}}"));
    assert_eq!(delete(&sandbox, &alice, "/v2/certs/hers/").await, 204);
    assert_eq!(delete(&sandbox, &alice, "/v2/auth/cancel/").await, 204);
}

/// Whatever was wanted when a process died is done by whoever looks after the apps next.
#[tokio::test]
async fn an_attachment_whose_process_died_is_not_forgotten() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    add(&sandbox, &token, "www", &pair("www")).await;
    let (app, name, domain) = ("shop".parse().unwrap(), "www".parse().unwrap(), "shop".parse().unwrap());
    sandbox.ledger.attach(&name, &app, &domain).await.unwrap();
    assert_eq!(sandbox.workflow.ledger.unsettled().await.unwrap(), std::slice::from_ref(&app));
    sandbox.replica().converge(&app).ended().await.unwrap();
    assert_eq!((sandbox.cluster.certificates("shop").len(), sandbox.cluster.copies("shop").len()), (1, 1));
    // Two at once: one of them has it.
    let ledger = &sandbox.ledger;
    assert!(ledger.detach(&name, &app, &domain).await.unwrap());
    let (one, other) = futures_util::join!(ledger.attach(&name, &app, &domain), ledger.attach(&name, &app, &domain));
    assert_eq!([one, other].iter().filter(|attached| attached.is_ok()).count(), 1);
}
