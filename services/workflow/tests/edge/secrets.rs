//! Marked secrets through every field that takes one: they are in no log, event, error, answer to somebody else, or note of what was done.

use std::io::{self, Write};
use std::sync::Arc;

use deis_workflow::accounts::BuilderKey;
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Map, Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::builder_hooks;
use super::push::{deploy, image};
use super::sandbox::{Answer, Sandbox, Setup};

/// Stands in every secret and in nothing else.
const MARK: &str = "marked-secret";

/// Stands in the service's log, which is looked at for it: a check of nothing would find nothing.
const KNOWN: &str = "bob added label team";

/// What the process has written of that, beside whatever other tests have it write.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if line.contains(MARK) || line.contains(KNOWN) {
            self.0.lock().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Makes secrets, and counts them.
#[derive(Default)]
struct Secrets(u32);

impl Secrets {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("{MARK}-{:05}", self.0)
    }

    fn values(&mut self, count: usize) -> Value {
        (0..count).map(|key| (format!("KEY_{key}"), json!(self.next()))).collect::<Map<_, _>>().into()
    }
}

/// Everything that somebody may read who is not to know them.
#[derive(Default)]
struct Sinks(Vec<(String, String)>);

impl Sinks {
    fn add(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.0.push((name.into(), text.into()));
    }

    /// An answer to who has sent a secret: his own values stand in it, and nothing else of it.
    fn answer(&mut self, name: &str, answer: Answer) {
        let mut body = answer.body;
        if answer.status.is_success()
            && let Some(fields) = body.as_object_mut()
        {
            for field in ["values", "registry", "healthcheck"] {
                fields.remove(field);
            }
        }
        self.add(name, format!("{:?} {body}", answer.headers));
    }
}

#[tokio::test]
async fn ten_thousand_secrets_are_nowhere() {
    let log = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("info,deis_workflow=debug")
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // Of the whole process: whether somebody listens is remembered for each line of code, and not for each thread.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let (mut secrets, mut sinks) = (Secrets::default(), Sinks::default());
    let builder_key = [secrets.next(), secrets.next()].concat();
    let setup = Setup { builder_key: BuilderKey::new(builder_key.as_str().into()), ..Setup::default() };
    let sandbox = Sandbox::start_as(setup).await;

    // Accounts: passwords that fit and that do not.
    sandbox.user("admin").await;
    let password = secrets.next();
    let registration = json!({ "username": "bob", "password": password, "email": "bob@example.com" });
    let answer = sandbox.call(Method::POST, "/v2/auth/register/", None, Some(registration)).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.line());
    sinks.answer("register", answer);
    let login = json!({ "username": "bob", "password": password });
    let bob = sandbox.call(Method::POST, "/v2/auth/login/", None, Some(login)).await;
    let bob = bob.body["token"].as_str().unwrap().to_owned();
    for body in [
        json!({ "username": "bob", "password": secrets.next() }),
        json!({ "username": "nobody", "password": secrets.next() }),
        json!({ "username": "no body", "password": [secrets.next()] }),
    ] {
        sinks.answer("login", sandbox.call(Method::POST, "/v2/auth/login/", None, Some(body)).await);
    }
    for body in [
        json!({ "password": secrets.next(), "new_password": secrets.next() }),
        json!({ "password": password, "new_password": secrets.next() }),
        json!({ "password": { "old": secrets.next() }, "new_password": secrets.next() }),
    ] {
        sinks.answer("passwd", sandbox.post("/v2/auth/passwd/", &bob, body).await);
    }
    sinks.answer("whoami", sandbox.get("/v2/auth/whoami/", &secrets.next()).await);

    // An app's config, many times over.
    assert_eq!(sandbox.post("/v2/apps/", &bob, json!({ "id": "shop" })).await.status.as_u16(), 201);
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    for round in 0..50 {
        let body = json!({ "values": secrets.values(200) });
        let answer = sandbox.post("/v2/apps/shop/config/", &bob, body).await;
        assert_eq!(answer.status.as_u16(), 201, "{round}: {}", answer.line());
        sinks.answer("config", answer);
    }
    for body in [
        json!({ "values": { "PORT": "5000" }, "registry": { "username": "bob", "password": secrets.next() } }),
        json!({ "registry": { "password": secrets.next() } }),
        json!({ "healthcheck": { "web": { "readinessProbe": { "httpGet": { "path": "/", "port": 5000,
            "httpHeaders": [{ "name": "Authorization", "value": secrets.next() }] } } } } }),
        // What cannot be is refused, with words about the field and not about what stood in it.
        json!({ "values": { "no-key": secrets.next() } }),
        json!({ "values": { "KEY_0": { "nested": secrets.next() } } }),
        json!({ "values": { "KEY_0": [secrets.next()] } }),
        json!({ "values": [secrets.next()] }),
        json!({ "values": { "PORT": secrets.next() } }),
        json!({ "registry": { "password": [secrets.next()] } }),
        json!({ "registry": { "no key": secrets.next() } }),
    ] {
        sinks.answer("config", sandbox.post("/v2/apps/shop/config/", &bob, body).await);
    }
    let cut: &'static str = format!("{{\"values\": {{\"KEY_0\": \"{}", secrets.next()).leak();
    sinks.answer("config", sandbox.raw("/v2/apps/shop/config/", &bob, cut).await);
    for path in ["scale/", "domains/", "settings/", "perms/", "releases/rollback/"] {
        let body = json!({ "values": { "KEY_0": secrets.next() } });
        sinks.answer(path, sandbox.post(&format!("/v2/apps/shop/{path}"), &bob, body).await);
    }
    // An outside builder shows its key, and another one something that is none.
    for (key, status) in [(builder_key.as_str(), 200), (&secrets.next(), 401)] {
        let body = json!({ "receive_user": "bob", "receive_repo": "shop" }).to_string();
        let answer = builder_hooks::ask(&sandbox, Method::POST, "/v2/hooks/config/", Some(key), body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.line());
        sinks.answer("hooks", answer);
    }
    let body = json!({ "receive_user": "bob", "receive_repo": "shop", "sha": secrets.next(), "image": "a/b" });
    let answer =
        builder_hooks::ask(&sandbox, Method::POST, "/v2/hooks/build/", Some(&builder_key), body.to_string()).await;
    sinks.answer("hooks", answer);
    // What the ledger keeps of requests that have a key.
    for (number, path) in ["config/", "settings/", "domains/"].into_iter().enumerate() {
        let body =
            json!({ "values": { "KEY_0": secrets.next() }, "label": { "team": "none" }, "domain": "a.example.com" });
        let key = format!("key-of-a-secret-{number}");
        let answer = sandbox.post_with_key(&format!("/v2/apps/shop/{path}"), &bob, &key, body).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.line());
        sinks.add("the keys of requests", sandbox.database.rows("idempotency_keys").await.join("\n"));
    }
    // What the service's log has of a request.
    let answer = sandbox.post("/v2/apps/shop/settings/", &bob, json!({ "label": { "team": "ops" } })).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.line());
    // A deploy that fails with them in its pods' environment.
    sandbox.cluster.crash_from_now_on();
    let body = json!({ "values": secrets.values(200) });
    let answer = sandbox.post("/v2/apps/shop/config/", &bob, body).await;
    assert!(!answer.status.is_success(), "{}", answer.line());
    sinks.answer("config", answer);

    for path in
        ["activity/?limit=1000", "releases/?limit=1000", "releases/v3/diff/v4/", "explain/", "builds/", "pods/", ""]
    {
        sinks.answer(path, sandbox.get(&format!("/v2/apps/shop/{path}"), &bob).await);
    }
    sinks.add("Kubernetes Events", sandbox.cluster.reports().join("\n"));
    sinks.answer("the app's log", sandbox.get("/v2/apps/shop/logs/?log_lines=1000", &bob).await);
    sinks.add("the service's log", String::from_utf8(log.0.lock().clone()).unwrap());

    // Each of them has what it is there for.
    for (name, known) in [
        ("activity/?limit=1000", "********"),
        ("the keys of requests", "/v2/apps/shop/config/"),
        ("Kubernetes Events", "shop"),
        ("the app's log", "bob added KEY_0"),
        ("the service's log", KNOWN),
    ] {
        let texts = sinks.0.iter().filter(|(sink, _)| sink == name).map(|(_, text)| text);
        assert!(texts.clone().any(|text| text.contains(known)), "{name} has no {known}");
    }
    let found = sinks.0.iter().filter(|(_, text)| text.contains(MARK)).map(|(name, text)| {
        let line = text.lines().find(|line| line.contains(MARK)).unwrap_or_default();
        format!("{name}: {line}")
    });
    let found = found.collect::<Vec<_>>();
    println!("{} secrets, {} texts", secrets.0, sinks.0.len());
    assert!(found.is_empty(), "{} texts have one\n{}", found.len(), found.join("\n"));
    assert!(secrets.0 >= 10_000, "{}", secrets.0);
}
