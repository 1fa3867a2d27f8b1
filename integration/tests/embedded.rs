//! A controller by itself, `workflow serve --embedded`, on the real node before the platform is installed there.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests assert by panicking, and start what they need"
)]

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use deis_bootstrap::deadline;
use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::api::Api;
use kube::{Client, Config};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// The process, and what it logs.
struct Controller {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    api: String,
    client: reqwest::Client,
}

impl Controller {
    fn start(data: &Path) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/debug/workflow");
        let mut command = Command::new(program);
        command.args(["serve", "--embedded", "--rest-listen=127.0.0.1:0", "--admin-address=127.0.0.1:0", "--data"]);
        let command = command.arg(data).stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("run `make test`");
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, log, api: String::new(), client: reqwest::Client::new() }
    }

    /// Waits until it answers.
    async fn serving(data: &Path) -> Self {
        let mut controller = Self::start(data);
        let line = controller.line_with("this controller runs by itself").await;
        controller.api = format!("http://{}", line["address"].as_str().unwrap());
        controller
    }

    /// The next line of its log with this text.
    async fn line_with(&mut self, text: &str) -> Value {
        let found = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                if line.contains(text) {
                    return serde_json::from_str::<Value>(&line).unwrap();
                }
            }
            panic!("it ended without a line with {text:?}")
        };
        deadline(LIMIT, found).await.unwrap()
    }

    /// Ends it, and tells what it has logged since the last line that was waited for.
    async fn told(mut self) -> String {
        drop(self.process.kill().await);
        let mut told = String::new();
        while let Some(line) = self.log.next_line().await.unwrap() {
            told = told + "\n" + &line;
        }
        told
    }

    async fn ended(mut self) -> ExitStatus {
        deadline(LIMIT, self.process.wait()).await.unwrap().unwrap()
    }

    async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.api)).timeout(LIMIT);
        if !token.is_empty() {
            request = request.header("Authorization", format!("token {token}"));
        }
        let answer = request.json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }
}

#[tokio::test]
async fn a_controller_by_itself_keeps_what_it_acknowledged() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let client = Client::try_from(Config::infer().await.unwrap()).unwrap();
    let (namespaces, folder) = (Api::<Namespace>::all(client.clone()), tempfile::tempdir().unwrap());
    let data = folder.path().join("data");

    let mut controller = Controller::serving(&data).await;
    let user = json!({ "username": "ann", "password": "correct horse", "email": "ann@example.com" });
    assert_eq!(controller.call(Method::POST, "/v2/auth/register/", "", user.clone()).await.0, StatusCode::CREATED);
    let token =
        controller.call(Method::POST, "/v2/auth/login/", "", user).await.1["token"].as_str().unwrap().to_owned();
    let created = controller.call(Method::POST, "/v2/apps/", &token, json!({ "id": "by-itself" })).await;
    if created.0 != StatusCode::CREATED {
        panic!("{}: {}", created.1, controller.told().await);
    }
    let values = json!({ "values": { "POWERED_BY": "SQLite" } });
    let configured = controller.call(Method::POST, "/v2/apps/by-itself/config/", &token, values).await;
    assert_eq!(configured.0, StatusCode::CREATED, "{}", configured.1);
    assert!(namespaces.get_opt("by-itself").await.unwrap().is_some());
    let service = Api::<Service>::namespaced(client, "by-itself").get("by-itself").await.unwrap();
    assert_eq!(service.spec.unwrap().ports.unwrap()[0].port, 80);
    let image = json!({ "image": "nginx" });
    let (status, refused) = controller.call(Method::POST, "/v2/apps/by-itself/builds/", &token, image).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["detail"].as_str().unwrap().contains("without a builder"), "{refused}");

    // One process at a time has the folder.
    let mut second = Controller::start(&data);
    let line = second.line_with("ended with an error").await;
    assert!(line["error"].as_str().unwrap().contains("another controller works in"), "{line}");
    assert_eq!(second.ended().await.code(), Some(1));

    // Its end by force costs nothing.
    controller.process.kill().await.unwrap();
    drop(controller);
    let controller = Controller::serving(&data).await;
    let config = controller.call(Method::GET, "/v2/apps/by-itself/config/", &token, Value::Null).await.1;
    assert_eq!(config["values"]["POWERED_BY"], "SQLite");
    let releases = controller.call(Method::GET, "/v2/apps/by-itself/releases/", &token, Value::Null).await.1;
    assert_eq!(releases["count"], 2);
    assert_eq!(
        controller.call(Method::DELETE, "/v2/apps/by-itself/", &token, Value::Null).await.0,
        StatusCode::NO_CONTENT
    );
    assert!(namespaces.get_opt("by-itself").await.unwrap().is_none());
}
