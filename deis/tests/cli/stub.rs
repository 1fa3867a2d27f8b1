//! A controller that answers as the contract says, for the client's eyes only.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::stub_session;

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
/// What a token is replaced with.
pub const OTHER_TOKEN: &str = "76543210fedcba9876543210fedcba9876543210";
const TIME: &str = "2016-08-22T17:40:16Z";
const UUID: &str = "de1bf5b5-4a72-4f94-a10c-d2a3741cdf75";

/// A deploy that is watched to its good end.
const DEPLOYED: &str = "{\"kind\":\"step\",\"text\":\"web: 1 of 2 pods ready\"}\n\n{\"kind\":\"deployed\"}\n";

/// How an endpoint answers: status, body as text, and a code of the platform.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub code: Option<&'static str>,
}

impl Answer {
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body: body.to_string(), code: None }
    }

    /// Success without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, body: String::new(), code: None }
    }

    pub fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

struct Endpoints {
    /// `GET /v2/apps/` → answer.
    answers: BTreeMap<String, Answer>,
    api_version: &'static str,
    /// Taken by each request before it is answered.
    permits: Arc<Semaphore>,
    asked: SyncSender<String>,
}

/// A running controller; it ends when dropped.
pub struct Stub {
    pub address: SocketAddr,
    pub asked: Receiver<String>,
    pub permits: Arc<Semaphore>,
    _runtime: Runtime,
}

/// What a stub answers differently.
pub struct StubBuilder {
    answers: BTreeMap<String, Answer>,
    api_version: &'static str,
    permits: usize,
}

impl StubBuilder {
    pub fn new() -> Self {
        Self { answers: contract(), api_version: "2.3", permits: Semaphore::MAX_PERMITS }
    }

    pub fn answer(mut self, endpoint: &str, answer: Answer) -> Self {
        self.answers.insert(endpoint.to_owned(), answer);
        self
    }

    pub fn api_version(self, api_version: &'static str) -> Self {
        Self { api_version, ..self }
    }

    /// No request is answered until the test adds a permit.
    pub fn holding(self) -> Self {
        Self { permits: 0, ..self }
    }

    pub fn start(self) -> Stub {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, asked) = sync_channel(256);
        let permits = Arc::new(Semaphore::new(self.permits));
        let endpoints = Endpoints {
            answers: self.answers,
            api_version: self.api_version,
            permits: Arc::clone(&permits),
            asked: sender,
        };
        let sender = endpoints.asked.clone();
        let session =
            get(move |upgrade, headers: HeaderMap, uri| stub_session::answer(upgrade, headers, uri, sender.clone()));
        let router = Router::new()
            .route("/v2/apps/earthy-instinct/run/attach", session.clone())
            .route("/v2/apps/earthy-instinct/pods/web/{name}/exec", session)
            .fallback(answer)
            .with_state(Arc::new(endpoints));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Stub { address, asked, permits, _runtime: runtime }
    }
}

async fn answer(State(endpoints): State<Arc<Endpoints>>, request: Request) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let prefers = request.headers().get("prefer").map(|value| format!(" (prefers {})", value.to_str().unwrap()));
    let authorization = authorization(request.headers()) + &prefers.unwrap_or_default();
    // The head alone counts as asked: a test that holds the answer waits for it.
    let body = String::from_utf8(read(request).await).unwrap();
    endpoints.asked.send(format!("{method} {path}{query} {authorization} {body}").trim_end().to_owned()).unwrap();
    endpoints.permits.acquire().await.unwrap().forget();

    let found = endpoints.answers.get(&format!("{method} {path}")).cloned();
    let answer = found.unwrap_or_else(|| Answer::new(404, json!("No App matches the given query.")));
    let status = StatusCode::from_u16(answer.status).unwrap();
    let head = [("deis_api_version", endpoints.api_version), ("deis_platform_version", "2.3.0")];
    let code = answer.code.map(|code| [("deis-error-code", code)]);
    (status, head, code.map_or_else(HeaderMap::new, headers), answer.body).into_response()
}

fn headers(pairs: [(&'static str, &'static str); 1]) -> HeaderMap {
    pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

/// Who asks, without the secret.
pub fn authorization(headers: &HeaderMap) -> String {
    match headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap()) {
        None => "(anonymous)".to_owned(),
        Some(value) => value.replace(TOKEN, "TOKEN"),
    }
}

async fn read(request: Request) -> Vec<u8> {
    use axum::extract::FromRequest;
    axum::body::Bytes::from_request(request, &()).await.unwrap().to_vec()
}

pub fn user() -> Value {
    json!({
        "username": "bob", "email": "bob@example.com", "first_name": "", "last_name": "", "is_superuser": true,
        "is_staff": true, "is_active": true, "groups": [], "user_permissions": [], "last_login": null,
        "date_joined": TIME
    })
}

pub fn app(id: &str) -> Value {
    json!({
        "uuid": UUID, "id": id, "owner": "bob", "structure": {"web": 2}, "procfile_structure": {},
        "created": TIME, "updated": TIME
    })
}

pub fn page(total: u64, results: Value) -> Value {
    json!({"count": total, "next": null, "previous": null, "results": results})
}

pub fn pods(names: &[(&str, &str)]) -> Value {
    let pod = |(name, kind): &(&str, &str)| json!({"name": name, "state": "up", "release": "v2", "type": kind, "started": TIME});
    json!({"count": names.len(), "results": names.iter().map(pod).collect::<Vec<_>>()})
}

pub fn config(values: Value) -> Value {
    config_of("values", values)
}

/// What the app is apart from its releases, with these rules of scaling.
pub fn app_settings(autoscale: Value) -> Value {
    json!({
        "uuid": UUID, "owner": "bob", "app": "earthy-instinct", "maintenance": false, "routable": true,
        "whitelist": [], "autoscale": autoscale, "label": {}, "created": TIME, "updated": TIME
    })
}

pub fn tls(https_enforced: Value) -> Value {
    json!({
        "uuid": UUID, "owner": "bob", "app": "earthy-instinct", "https_enforced": https_enforced, "created": TIME, "updated": TIME
    })
}

/// A config in which nothing but one part is set.
pub fn config_of(part: &str, entries: Value) -> Value {
    let mut config = json!({
        "uuid": UUID, "owner": "bob", "app": "earthy-instinct", "values": {}, "memory": {}, "cpu": {}, "tags": {},
        "registry": {}, "healthcheck": {}, "created": TIME, "updated": TIME
    });
    config[part] = entries;
    config
}

pub fn domain(name: &str) -> Value {
    json!({"owner": "bob", "app": "earthy-instinct", "domain": name, "created": TIME, "updated": TIME})
}

/// A build from a push; `failure` says why there is no image.
pub fn build(uuid: &str, state: &str, failure: Option<&str>) -> Value {
    let image = failure.map_or("127.0.0.1:5555/earthy-instinct@sha256:0123", |_| "");
    json!({
        "uuid": uuid, "owner": "bob", "app": "earthy-instinct", "image": image,
        "sha": "acaa8a5f2e5b8e6a2e0fba7d7dd5a2a7a4a2f4c1", "procfile": {"web": "go-example", "worker": "work --fast"},
        "dockerfile": "", "state": state, "failure": failure, "created": TIME, "updated": TIME
    })
}

pub fn release(version: u64, summary: &str) -> Value {
    json!({
        "uuid": UUID, "owner": "jhansen", "app": "earthy-instinct", "version": version, "summary": summary,
        "failed": false, "exception": null, "config": UUID, "build": (version > 1).then_some(UUID),
        "created": format!("2016-02-20T23:0{version}:09Z"), "updated": format!("2016-02-20T23:0{version}:09Z")
    })
}

/// Of an app with one process that ends again and again.
pub fn explanation() -> Value {
    json!({
        "app": "earthy-instinct", "release": 4, "state": "degraded",
        "headline": "earthy-instinct serves in part: 2 of 3 web pods are ready.",
        "problems": [{
            "code": "process-exited",
            "message": "The process web ended 4 times, the last time after 0 s, with exit code 1.",
            "next": "Its last lines say why: deis logs --process web.",
            "type": "web", "release": "v4", "pod": "earthy-instinct-v4-web-ppog6", "restarts": 3, "since": TIME,
            "log_tail": ["connecting to db", "panic: no database"]
        }]
    })
}

/// One that has expired: nothing that is told of it depends on the day.
pub fn certificate(name: &str) -> Value {
    json!({
        "id": 7, "owner": "jhansen", "name": name, "common_name": "www.example.com",
        "san": ["www.example.com", "example.com"], "domains": ["www.example.com"],
        "fingerprint": "8F:8E:2E:5B:8E:6A:BC:1D:03:CC:0A:FB:B8:A7:9D:11:4A:27:19:3B:20:44:D3:0E:96:68:BA:15:7F:86:CD:EB",
        "starts": "2016-08-22T17:40:16Z", "expires": "2017-08-22T17:40:16Z",
        "issuer": "/C=US/O=Example CA/CN=Example CA R3", "subject": "/CN=www.example.com",
        "created": "2016-08-22T17:40:16Z", "updated": "2016-08-22T17:40:16Z"
    })
}

pub fn key(id: &str) -> Value {
    json!({
        "uuid": UUID, "owner": "bob", "id": id, "public": format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA {id}"),
        "fingerprint": "aa:bb", "created": TIME, "updated": TIME
    })
}

/// One user, bob, and one app, earthy-instinct.
pub fn difference() -> Value {
    json!({
        "from": "v2", "to": "v3",
        "before": {"memory": {"web": "64M"}, "values": {"GONE": "********", "OTHER": "********"}},
        "after": {"memory": {"web": "128M"}, "values": {"NEW": "********", "OTHER": "********"}},
    })
}

/// All tokens that were ended, a key that its owner has added, and his registration.
pub fn account_activity() -> Value {
    json!([
        {
            "account": null, "number": 1, "time": "2016-08-22T17:43:16Z", "user": "admin", "address": "192.0.2.8",
            "action": "user.tokens", "before": null, "after": null, "intact": true,
        },
        {
            "account": "bob", "number": 2, "time": "2016-08-22T17:42:16Z", "user": "bob", "address": "192.0.2.7",
            "action": "key.add", "before": null, "after": {"id": "laptop"}, "intact": true,
        },
        {
            "account": "bob", "number": 1, "time": "2016-08-22T17:41:16Z", "user": null, "address": "192.0.2.7",
            "action": "user.register", "before": null, "after": {"superuser": false}, "intact": true,
        },
    ])
}

/// A scale by a user, and a failure that nobody asked for.
pub fn activity() -> Value {
    json!([
        {
            "number": 2, "time": "2016-08-22T17:41:16Z", "user": null, "address": null, "action": "release.fail",
            "before": null, "after": {"release": "v3", "code": "no-room"}, "intact": true,
        },
        {
            "number": 1, "time": "2016-08-22T17:40:16Z", "user": "bob", "address": "192.0.2.7", "action": "app.scale",
            "before": {"web": 1}, "after": {"web": 3, "worker": 1}, "intact": true,
        },
    ])
}

fn contract() -> BTreeMap<String, Answer> {
    let refusal = json!({"detail": "Authentication credentials were not provided."});
    let history = json!([
        release(3, "jhansen added POWERED_BY"),
        release(2, "jhansen deployed acaa8a5"),
        release(1, "jhansen created initial release")
    ]);
    let web = pods(&[("earthy-instinct-v2-web-wydts", "web"), ("earthy-instinct-v2-web-5ouqz", "web")]);
    let administrators = json!([{"username": "bob", "is_superuser": true}]);
    let app_path = |method: &str, rest: &str| format!("{method} /v2/apps/earthy-instinct/{rest}");
    BTreeMap::from([
        ("GET /healthz".to_owned(), Answer { status: 200, body: "OK".to_owned(), code: None }),
        ("GET /v2/".to_owned(), Answer::new(401, refusal)),
        ("POST /v2/auth/register/".to_owned(), Answer::new(201, user())),
        ("POST /v2/auth/login/".to_owned(), Answer::new(200, json!({"token": TOKEN}))),
        ("POST /v2/auth/passwd/".to_owned(), Answer::new(200, json!({"status": "password set"}))),
        ("POST /v2/auth/tokens/".to_owned(), Answer::new(200, json!({"token": OTHER_TOKEN}))),
        ("DELETE /v2/auth/cancel/".to_owned(), Answer::empty(204)),
        ("GET /v2/auth/whoami/".to_owned(), Answer::new(200, user())),
        ("GET /v2/keys/".to_owned(), Answer::new(200, page(2, json!([key("bob@laptop"), key("ci")])))),
        ("POST /v2/keys/".to_owned(), Answer::new(201, key("bob@laptop"))),
        ("DELETE /v2/keys/bob@laptop".to_owned(), Answer::empty(204)),
        ("GET /v2/certs/".to_owned(), Answer::new(200, page(1, json!([certificate("www-example-com")])))),
        ("POST /v2/certs/".to_owned(), Answer::new(201, certificate("www-example-com"))),
        ("GET /v2/certs/www-example-com".to_owned(), Answer::new(200, certificate("www-example-com"))),
        ("DELETE /v2/certs/www-example-com".to_owned(), Answer::empty(204)),
        ("POST /v2/certs/www-example-com/domain/".to_owned(), Answer::empty(201)),
        ("DELETE /v2/certs/www-example-com/domain/www.example.com".to_owned(), Answer::empty(204)),
        ("GET /v2/apps/".to_owned(), Answer::new(200, page(1, json!([app("earthy-instinct")])))),
        ("POST /v2/apps/".to_owned(), Answer::new(201, app("earthy-instinct"))),
        (app_path("GET", ""), Answer::new(200, app("earthy-instinct"))),
        (app_path("GET", "domains/"), Answer::new(200, page(1, json!([domain("earthy-instinct")])))),
        (app_path("POST", ""), Answer::empty(200)),
        (app_path("DELETE", ""), Answer::empty(204)),
        (app_path("POST", "domains/"), Answer::new(201, domain("www.example.com"))),
        (app_path("DELETE", "domains/www.example.com"), Answer::empty(204)),
        (app_path("GET", "perms/"), Answer::new(200, json!({"users": ["alice", "carol"]}))),
        (app_path("POST", "perms/"), Answer::empty(201)),
        (app_path("DELETE", "perms/alice"), Answer::empty(204)),
        ("GET /v2/users/".to_owned(), Answer::new(200, page(1, json!([user()])))),
        ("GET /v2/admin/perms/".to_owned(), Answer::new(200, page(1, administrators))),
        ("POST /v2/admin/perms/".to_owned(), Answer::empty(201)),
        ("DELETE /v2/admin/perms/alice".to_owned(), Answer::empty(204)),
        (app_path("POST", "root/"), Answer::empty(204)),
        (app_path("DELETE", "root/"), Answer::empty(204)),
        (app_path("GET", "settings/"), Answer::new(200, app_settings(json!({})))),
        (app_path("POST", "settings/"), Answer::new(201, app_settings(json!({})))),
        (app_path("GET", "whitelist/"), Answer::new(200, json!({"addresses": ["10.0.0.0/8", "192.0.2.7"]}))),
        (app_path("POST", "whitelist/"), Answer::new(201, json!({"addresses": ["10.0.0.0/8", "192.0.2.7"]}))),
        (app_path("DELETE", "whitelist/"), Answer::empty(204)),
        (
            app_path("GET", "services/"),
            Answer::new(
                200,
                json!({"services": [
                    {"procfile_type": "api", "path_pattern": "/api/,/v[0-9]+/"},
                    {"procfile_type": "webhooks", "path_pattern": "/hooks"},
                ]}),
            ),
        ),
        (app_path("POST", "services/"), Answer::empty(201)),
        (app_path("DELETE", "services/"), Answer::empty(204)),
        (app_path("GET", "tls/"), Answer::new(200, tls(json!(true)))),
        (app_path("POST", "tls/"), Answer::new(201, tls(json!(true)))),
        (app_path("GET", "pods/"), Answer::new(200, web)),
        ("GET /v2/admin/activity/".to_owned(), Answer::new(200, page(3, account_activity()))),
        (app_path("GET", "activity/"), Answer::new(200, page(2, activity()))),
        (app_path("GET", "explain/"), Answer::new(200, explanation())),
        (app_path("POST", "scale/"), Answer::empty(204)),
        (app_path("GET", "config/"), Answer::new(200, config(json!({"FLOAT": "12.34", "NCC": "1701"})))),
        (app_path("POST", "config/"), Answer::new(201, config(json!({"POWERED_BY": "Kubernetes"})))),
        (app_path("GET", "releases/"), Answer::new(200, page(3, history))),
        (app_path("GET", "releases/v2/"), Answer::new(200, release(2, "jhansen deployed acaa8a5"))),
        (app_path("GET", "releases/v2/diff/v3/"), Answer::new(200, difference())),
        (app_path("GET", "releases/v9/diff/v3/"), Answer::new(404, json!("No Release matches the given query."))),
        (app_path("GET", "releases/v9/"), Answer::new(404, json!("No Release matches the given query."))),
        (app_path("GET", "releases/v3/progress/"), Answer { status: 200, body: DEPLOYED.to_owned(), code: None }),
        (app_path("POST", "releases/rollback/"), Answer::new(201, json!({"version": 4}))),
    ])
}
