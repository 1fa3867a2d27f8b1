use reqwest::Method;
use serde_json::json;

use super::cluster::CRASHING;
use super::push::{build, deploy, events, image};
use super::sandbox::{Sandbox, stable};

#[tokio::test]
async fn an_app_gets_a_name_and_its_initial_release() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.user("bob").await;
    let created = sandbox.call(Method::POST, "/v2/apps/", Some(&token), None).await;
    assert_eq!(created.status.as_u16(), 201);
    let id = created.body["id"].as_str().unwrap().to_owned();
    let (adjective, noun) = id.split_once('-').unwrap();
    assert_eq!((adjective.len(), noun.len()), (6, 8));
    let shown = sandbox.get(&format!("/v2/apps/{id}/"), &token).await;
    assert_eq!(shown.body, created.body);
    let releases = sandbox.get(&format!("/v2/apps/{id}/releases/"), &token).await;
    insta::assert_json_snapshot!(stable(releases.body), { ".results[].app" => "[app]" });
}

#[tokio::test]
async fn an_app_has_its_own_domain_and_settings() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let domains = sandbox.get("/v2/apps/shop/domains/?limit=1", &token).await.body;
    assert_eq!(domains["count"], 1);
    assert_eq!(domains["results"][0]["domain"], "shop");
    let settings = sandbox.get("/v2/apps/shop/settings/", &token).await.body;
    assert_eq!((&settings["routable"], &settings["maintenance"]), (&json!(true), &json!(false)));
    let stranger = sandbox.user("mallory").await;
    for path in ["domains", "settings"] {
        let refused = sandbox.get(&format!("/v2/apps/shop/{path}/"), &stranger).await;
        assert_eq!(refused.status.as_u16(), 403, "{path}");
    }
}

/// A long list is read from the nearer end: every page must be the part of the list that it says.
#[tokio::test]
async fn pages_are_parts_of_one_list() {
    let sandbox = Sandbox::start().await;
    let (admin, bob, carol) = (sandbox.user("root").await, sandbox.user("bob").await, sandbox.user("carol").await);
    let create = async |owner: &str, id: &str| {
        assert_eq!(sandbox.post("/v2/apps/", owner, json!({ "id": id })).await.status.as_u16(), 201);
    };
    for id in ["app-a", "app-c", "app-e", "app-g", "app-h"] {
        create(&bob, id).await;
    }
    drop(sandbox.user("dave").await);
    for (id, guest) in [("app-b", "bob"), ("app-d", "dave"), ("app-f", "bob")] {
        create(&carol, id).await;
        sandbox.post(&format!("/v2/apps/{id}/perms/"), &carol, json!({ "username": guest })).await;
    }
    let all = ["app-a", "app-b", "app-c", "app-d", "app-e", "app-f", "app-g", "app-h"];
    let his = ["app-a", "app-b", "app-c", "app-e", "app-f", "app-g", "app-h"];
    for (token, ids) in [(&admin, all.as_slice()), (&bob, his.as_slice())] {
        for (limit, offset) in (1..=9).flat_map(|limit| (0..=9).map(move |offset| (limit, offset))) {
            let page = sandbox.get(&format!("/v2/apps/?limit={limit}&offset={offset}"), token).await.body;
            let end = (offset + limit).min(ids.len());
            let expected = ids.get(offset..end).unwrap_or_default();
            let found = page["results"].as_array().unwrap().iter().map(|app| app["id"].as_str().unwrap());
            assert_eq!(found.collect::<Vec<_>>(), expected, "{limit} after {offset}");
            assert_eq!(page["count"], ids.len(), "{limit} after {offset}");
        }
        for app in sandbox.get("/v2/apps/", token).await.body["results"].as_array().unwrap() {
            let shown = sandbox.get(&format!("/v2/apps/{}/", app["id"].as_str().unwrap()), token).await;
            assert_eq!(app, &shown.body);
        }
    }
    let none = sandbox.get(&format!("/v2/apps/?offset={}", i64::MAX), &bob).await;
    assert_eq!((none.status.as_u16(), &none.body["count"], &none.body["results"]), (200, &json!(7), &json!([])));
    let nobody = sandbox.get("/v2/apps/", &sandbox.user("erin").await).await;
    assert_eq!((&nobody.body["count"], &nobody.body["results"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn an_app_has_the_procfile_of_its_last_good_release() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let told = async || {
        let shown = sandbox.get("/v2/apps/shop/", &token).await.body["procfile_structure"].clone();
        let listed = sandbox.get("/v2/apps/", &token).await.body["results"][0]["procfile_structure"].clone();
        assert_eq!(shown, listed);
        shown
    };
    assert_eq!(told().await, json!({}), "there is no build yet");
    sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "A": "1" } })).await;
    assert_eq!(told().await, json!({}), "nor with a config");
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    assert_eq!(told().await, json!({ "web": "./server" }));

    let mut other = build("shop", &image("shop", CRASHING));
    other.processes.insert("worker".to_owned(), "./work".to_owned());
    let failed = events(&sandbox, other.clone()).await;
    assert!(failed.last().unwrap().starts_with("v4 failed"), "{failed:?}");
    assert_eq!(told().await, json!({ "web": "./server" }), "a release that failed does not count");
    other = deis_proto::workflow::CreateBuildRequest { image: image("shop", "2"), ..other };
    let request_key = uuid::Uuid::new_v4().simple().to_string();
    events(&sandbox, deis_proto::workflow::CreateBuildRequest { request_key, ..other }).await;
    assert_eq!(told().await, json!({ "web": "./server", "worker": "./work" }));
    let rolled_back = sandbox.post("/v2/apps/shop/releases/rollback/", &token, json!({ "version": 3 })).await;
    assert_eq!(rolled_back.status.as_u16(), 201, "{rolled_back:?}");
    assert_eq!(told().await, json!({ "web": "./server" }));
}

#[tokio::test]
async fn apps_are_listed_by_name_and_page() {
    let sandbox = Sandbox::start().await;
    let (admin, bob) = (sandbox.user("admin").await, sandbox.user("bob").await);
    for (token, id) in [(&bob, "shop"), (&bob, "blog"), (&admin, "wiki")] {
        assert_eq!(sandbox.post("/v2/apps", token, json!({ "id": id })).await.status.as_u16(), 201);
    }
    let ids = |body: &serde_json::Value| {
        let apps = body["results"].as_array().unwrap().iter();
        apps.map(|app| app["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&sandbox.get("/v2/apps/", &bob).await.body), ["blog", "shop"]);
    let page = sandbox.get("/v2/apps/?limit=1&offset=1", &admin).await.body;
    assert_eq!((ids(&page), &page["count"]), (vec!["shop".to_owned()], &json!(3)));
    assert!(page["next"].as_str().unwrap().ends_with("/v2/apps/?limit=1&offset=2"));
    assert!(page["previous"].as_str().unwrap().ends_with("/v2/apps/?limit=1&offset=0"));

    // What is shared with one stands among one's own, and is there once.
    assert_eq!(sandbox.post("/v2/apps", &admin, json!({ "id": "cafe" })).await.status.as_u16(), 201);
    let shared = sandbox.post("/v2/apps/cafe/perms/", &admin, json!({ "username": "bob" })).await;
    assert_eq!(shared.status.as_u16(), 201, "{shared:?}");
    let page = sandbox.get("/v2/apps/?limit=2", &bob).await.body;
    assert_eq!((ids(&page), &page["count"]), (vec!["blog".to_owned(), "cafe".to_owned()], &json!(3)));
    let page = sandbox.get("/v2/apps/?limit=2&offset=2", &bob).await.body;
    assert_eq!((ids(&page), &page["count"]), (vec!["shop".to_owned()], &json!(3)));
    let page = sandbox.get("/v2/apps/", &admin).await.body;
    assert_eq!((ids(&page).join(" "), &page["count"]), ("blog cafe shop wiki".to_owned(), &json!(4)));
}

#[tokio::test]
async fn names_that_cannot_be_are_refused() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.cluster.add_foreign_namespace("monitoring");
    let mut lines = Vec::new();
    for id in ["shop", "Shop", "-a", "deis", "kube-system", "monitoring", &"a".repeat(64)] {
        lines.push(sandbox.post("/v2/apps/", &token, json!({ "id": id })).await.line());
    }
    lines.push(sandbox.post("/v2/apps/", &token, json!({ "id": "x", "structure": { "Web": 1 } })).await.line());
    insta::assert_yaml_snapshot!(lines);
}

#[tokio::test]
async fn an_app_that_kubernetes_does_not_take_is_not_there() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.user("bob").await;
    sandbox.cluster.break_down();
    let refused = sandbox.post("/v2/apps/", &token, json!({ "id": "shop" })).await;
    assert_eq!(refused.line(), "503 unavailable {\"detail\":\"Kubernetes resources could not be created\"}");
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.status.as_u16(), 404);
}

/// Every method on an app, for everybody who has nothing to do with it.
#[tokio::test]
async fn apps_are_their_owners() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    let eve = sandbox.user("eve").await;
    let methods = [
        (Method::GET, ""),
        (Method::POST, ""),
        (Method::DELETE, ""),
        (Method::GET, "perms/"),
        (Method::POST, "perms/"),
        (Method::DELETE, "perms/bob/"),
        (Method::GET, "config/"),
        (Method::POST, "config/"),
        (Method::GET, "domains/"),
        (Method::POST, "domains/"),
        (Method::DELETE, "domains/shop/"),
        (Method::GET, "settings/"),
        (Method::POST, "settings/"),
        (Method::GET, "whitelist/"),
        (Method::POST, "whitelist/"),
        (Method::DELETE, "whitelist/"),
        (Method::GET, "tls/"),
        (Method::POST, "tls/"),
        (Method::GET, "builds/"),
        (Method::GET, "builds/x/"),
        (Method::GET, "builds/x/log"),
        (Method::DELETE, "builds/running/"),
        (Method::DELETE, "builds/cache/"),
        (Method::GET, "releases/"),
        (Method::GET, "releases/v1/"),
        (Method::POST, "releases/rollback/"),
        (Method::GET, "pods/"),
        (Method::GET, "pods/web/"),
        (Method::GET, "pods/web/x/"),
        (Method::POST, "pods/restart/"),
        (Method::POST, "pods/web/restart/"),
        (Method::POST, "pods/web/x/restart/"),
        (Method::POST, "scale/"),
    ];
    for (method, path) in methods {
        let call = |app: &str, token: Option<String>| {
            let (sandbox, method, path) = (&sandbox, method.clone(), format!("/v2/apps/{app}/{path}"));
            async move { sandbox.call(method, &path, token.as_deref(), Some(json!({}))).await.line() }
        };
        let stranger = call("shop", Some(eve.clone())).await;
        assert!(stranger.starts_with("403 permission-denied"), "{method} {path}: {stranger}");
        let nobody = call("shop", None).await;
        assert!(nobody.starts_with("401 not-authenticated"), "{method} {path}: {nobody}");
        assert_eq!(call("nowhere", None).await, nobody, "nobody learns which apps there are");
        let nowhere = call("nowhere", Some(eve.clone())).await;
        assert_eq!(nowhere, "404 not-found \"No App matches the given query.\"", "{method} {path}");
    }
}
