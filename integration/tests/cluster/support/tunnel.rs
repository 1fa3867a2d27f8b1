use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_bootstrap::deadline;
use reqwest::header::{CONNECTION, UPGRADE};
use reqwest::{Client, StatusCode, Upgraded};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{App, Developer, Platform};

/// How long a server may take to say what it has to say.
const LIMIT: Duration = Duration::from_secs(20);

/// More than any answer that is asked for.
const MOST: u64 = 64 * 1024;

/// Connections from inside an app's pod: what a test does over them, the app could do.
pub(crate) struct Tunnel<'a> {
    pub(crate) app: App<'a>,
    url: String,
    client: Client,
}

/// What an HTTP server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl<'a> Tunnel<'a> {
    /// Pushes the app that has the pod.
    pub(crate) async fn push(platform: &'a Platform, developer: &'a Developer<'a>) -> Self {
        let repository = developer.repository("go").await;
        std::fs::write(repository.path().join("main.go"), include_str!("tunnel.go")).unwrap();
        drop(repository.commit("Become a tunnel").await);
        let created = repository.deis(&["create"]).await.succeeded();
        let app = App::named_in(platform, &created.stdout);
        drop(repository.git(&["push", "deis", "master"]).await.succeeded());
        let url = format!("http://{}.{}/", app.name, platform.domain);
        Self { app, url, client: Client::builder().http1_only().build().unwrap() }
    }

    /// Connects from the pod; the error is what the pod was told.
    pub(crate) async fn dial(&self, address: &str) -> Result<Upgraded, String> {
        let request = self.client.get(&self.url).query(&[("to", address)]);
        let request = request.header(CONNECTION, "upgrade").header(UPGRADE, "tunnel");
        let answer = deadline(LIMIT, request.send()).await.unwrap().unwrap();
        match answer.status() {
            StatusCode::SWITCHING_PROTOCOLS => Ok(answer.upgrade().await.unwrap()),
            StatusCode::FAILED_DEPENDENCY => Err(answer.text().await.unwrap()),
            status => panic!("the tunnel to {address} answered {status}: {:?}", answer.text().await),
        }
    }

    /// Sends bytes, and reads until the server has nothing more to say and closes.
    pub(crate) async fn exchange(&self, address: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut stream = self.dial(address).await?;
        let conversation = async {
            stream.write_all(bytes).await?;
            let mut answer = Vec::new();
            stream.take(MOST).read_to_end(&mut answer).await.map(|_length| answer)
        };
        let answer = deadline(LIMIT, conversation).await.map_err(|late| late.to_string())?;
        answer.map_err(|error| error.to_string())
    }

    /// Asks an HTTP server: "GET /v2/", with user and password where there are any.
    pub(crate) async fn ask(&self, address: &str, asked: &str, login: Option<(&str, &str)>) -> Result<Answer, String> {
        let authorization = login.map(|(user, password)| STANDARD.encode(format!("{user}:{password}")));
        let authorization = authorization.map(|basic| format!("Authorization: Basic {basic}\r\n")).unwrap_or_default();
        // A server of HTTP/1.0 closes, and sends a body as it is.
        let accept = "Accept: application/vnd.oci.image.manifest.v1+json, */*";
        let request = format!("{asked} HTTP/1.0\r\nHost: {address}\r\n{accept}\r\n{authorization}\r\n");
        let bytes = self.exchange(address, request.as_bytes()).await?;
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.ok_or_else(|| format!("no HTTP: {}", shown(&bytes)))?);
        let status = shown(head).split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("no status: {}", shown(head)))?;
        Ok(Answer { status, body: body.iter().skip(4).copied().collect() })
    }
}

/// Bytes, for people.
pub(crate) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
