//! The REST contract from the client's side: one call, its answer or a [`Failure`] fit to be shown.

mod refusal;
mod repeat;
mod session;
mod streaming;
mod versions;

use std::future::Future;
use std::time::Duration;

use deis_api::innermost;
use deis_api::rest::{API_VERSION_HEADER, ERROR_CODE_HEADER, Page, REQUEST_KEY_HEADER, RESPOND_ASYNC, Secret};
use deis_cli::Failure;
use deis_cli::deadline::{end_of, until};
use reqwest::header::{AUTHORIZATION, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use self::refusal::Refused;
use self::repeat::{PATIENCE, Repeat};
pub use self::session::{Hearing, Speaking, exit_code};
pub use self::streaming::{Lines, Rejoin, SILENCE};
pub use self::versions::VersionCheck;
use crate::controller::Controller;

/// No answer of the contract comes near it.
const ANSWER_LIMIT: usize = 16 << 20;

/// How long an answer may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// What the ledger knows.
    Short,
    /// What is answered when it is deployed: the contract allows 20 minutes, and the server should be first to give up.
    Deploy,
    /// The same when it need only be recorded. A controller that does not know the difference answers when it is deployed.
    Recorded,
    /// What a person gave so much time.
    Upto(Duration),
}

impl Wait {
    const fn duration(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(60),
            Self::Deploy | Self::Recorded => Duration::from_secs(21 * 60),
            Self::Upto(limit) => limit,
        }
    }
}

/// Why there is no answer to look at; a text in front is the controller's address.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} cannot be reached")]
    Unreachable(String, #[source] Cause),
    #[error("the connection to {0} broke before the answer was there")]
    Lost(String, #[source] Cause),
    #[error("{0} did not answer within {seconds} s", seconds = .1.as_secs())]
    TimedOut(String, Duration),
    #[error("{0} redirects to {1}")]
    Moved(String, String),
    #[error("the answer of {0} is larger than {limit} MiB", limit = ANSWER_LIMIT >> 20)]
    TooLarge(String),
    #[error("Unknown Error (400): error decoding json response ({reason}): {body}")]
    NoJson { reason: serde_json::Error, body: String },
    #[error(
        "{0} does not appear to be a valid Deis controller.\n\
         Make sure that the Controller URI is correct, the server is running and\n\
         your deis version is correct."
    )]
    NoController(String),
    #[error("{0} does not let its apps' commands be worked with")]
    NoSession(String),
    #[error("the connection to {0} broke, and the command was ended")]
    SessionLost(String),
    #[error("{0} does not say how the deploy ends")]
    Undecided(String),
    #[error("the token holds characters that no token has")]
    BadToken,
}

/// What is at the bottom of an error of the HTTP client; the layers between say nothing to a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

impl From<reqwest::Error> for Cause {
    fn from(error: reqwest::Error) -> Self {
        Self(innermost(&error.without_url()).to_string())
    }
}

#[derive(Clone)]
pub struct Api {
    client: Client,
    controller: Controller,
    /// The value of `Authorization`.
    token: Option<HeaderValue>,
    /// Whether the controller's certificate is looked at.
    ssl_verify: bool,
    versions: VersionCheck,
    /// What is asked again.
    repeat: Repeat,
}

impl Api {
    pub fn new(
        controller: Controller,
        token: Option<Secret>,
        ssl_verify: bool,
        versions: VersionCheck,
    ) -> Result<Self, Failure> {
        let token = token.map(|token| authorization(&token)).transpose()?;
        let client = builder(&controller, ssl_verify);
        Ok(Self { client: client.build()?, controller, token, ssl_verify, versions, repeat: Repeat::Lost })
    }

    /// The same controller, asked with another token or as nobody.
    pub fn with_token(&self, token: Option<&Secret>) -> Result<Self, Failure> {
        Ok(Self { token: token.map(authorization).transpose()?, ..self.clone() })
    }

    /// The same controller, asked again only for what it has certainly not heard.
    pub fn unless_heard(&self) -> Self {
        Self { repeat: Repeat::Unheard, ..self.clone() }
    }

    pub const fn controller(&self) -> &Controller {
        &self.controller
    }

    pub async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, Failure> {
        decode(&self.call(self.request(Method::GET, segments), Wait::Short).await?)
    }

    pub async fn list<T: DeserializeOwned>(&self, segments: &[&str], limit: u32) -> Result<Page<T>, Failure> {
        self.list_where(segments, limit, &[]).await
    }

    /// The entries of a list for which these hold.
    pub async fn list_where<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        limit: u32,
        conditions: &[(&str, &str)],
    ) -> Result<Page<T>, Failure> {
        let request = self.request(Method::GET, segments).query(&[("limit", limit)]).query(conditions);
        decode(&self.call(request, Wait::Short).await?)
    }

    pub async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &B,
        wait: Wait,
    ) -> Result<T, Failure> {
        decode_or_null(&self.call(self.request(Method::POST, segments).json(body), wait).await?)
    }

    pub async fn delete<T: DeserializeOwned>(&self, segments: &[&str], wait: Wait) -> Result<T, Failure> {
        decode_or_null(&self.call(self.request(Method::DELETE, segments), wait).await?)
    }

    /// Deletes what the body names.
    pub async fn delete_some<B: Serialize>(&self, segments: &[&str], body: &B) -> Result<(), Failure> {
        decode_or_null(&self.call(self.request(Method::DELETE, segments).json(body), Wait::Short).await?)
    }

    /// An answer that is plain text; bytes that are no UTF-8 are shown as such.
    pub async fn text(&self, segments: &[&str]) -> Result<String, Failure> {
        let answer = self.call(self.request(Method::GET, segments), Wait::Short).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Whether this is a controller at all: it refuses the root of the API to strangers, with 401 and nothing else.
    pub async fn expect_controller(&self) -> Result<(), Failure> {
        match self.send(self.client.get(self.controller.endpoint(&["v2", ""])), Wait::Short).await {
            Ok(response) if response.status() == StatusCode::UNAUTHORIZED => Ok(()),
            Ok(response) if response.status().is_redirection() => self.read(response).await.map(drop),
            Ok(_) => Err(Error::NoController(self.controller.to_string()).into()),
            Err(failure) => Err(failure),
        }
    }

    /// The version of the API that the controller serves.
    pub async fn version(&self) -> Result<String, Failure> {
        let request = self.client.get(self.controller.endpoint(&["healthz"]));
        let response = self.send(request, Wait::Short).await?;
        Ok(header(&response, API_VERSION_HEADER).unwrap_or_default())
    }

    /// A client for what only the older protocol has.
    fn over_http1(&self) -> Result<Client, Failure> {
        Ok(builder(&self.controller, self.ssl_verify).http1_only().build()?)
    }

    fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        self.request_by(&self.client, method, segments)
    }

    fn request_by(&self, client: &Client, method: Method, segments: &[&str]) -> RequestBuilder {
        let request = client.request(method, self.controller.endpoint(&[&["v2"], segments].concat()));
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    async fn call(&self, request: RequestBuilder, wait: Wait) -> Result<Vec<u8>, Failure> {
        // The same key every time: the controller knows by it what it has heard already.
        let key = Uuid::new_v4().simple().to_string();
        let request = request.header(REQUEST_KEY_HEADER, key).build()?;
        repeat::repeat(self.repeat, PATIENCE, async || {
            // Bodies are in memory: they can always be sent again.
            let again = request.try_clone().ok_or_else(|| Failure::new("the request cannot be sent"))?;
            let response = self.send(RequestBuilder::from_parts(self.client.clone(), again), wait).await?;
            self.read(response).await
        })
        .await
    }

    async fn send(&self, request: RequestBuilder, wait: Wait) -> Result<Response, Failure> {
        let request = match wait {
            Wait::Recorded => request.header("Prefer", RESPOND_ASYNC),
            Wait::Short | Wait::Deploy | Wait::Upto(_) => request,
        };
        let response = request.timeout(wait.duration()).send().await;
        let response = response.map_err(|error| self.failure(error, wait.duration()))?;
        self.versions.note(header(&response, API_VERSION_HEADER).as_deref());
        Ok(response)
    }

    /// The body of an answer, or what a refusal says.
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let (status, code) = (response.status(), header(&response, ERROR_CODE_HEADER));
        if let Some(address) = header(&response, LOCATION.as_str()).filter(|_| status.is_redirection()) {
            return Err(Failure::from(Error::Moved(self.controller.to_string(), address))
                .hint("Log in at the address that it names."));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(error, Wait::Deploy.duration()))? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(Error::TooLarge(self.controller.to_string()).into());
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() { Ok(body) } else { Err(Refused::new(status, code, &body).into_failure()) }
    }

    fn failure(&self, error: reqwest::Error, waited: Duration) -> Failure {
        let controller = self.controller.to_string();
        if error.is_timeout() && !error.is_connect() {
            return Error::TimedOut(controller, waited).into();
        }
        if !error.is_connect() {
            return Error::Lost(controller, error.into()).into();
        }
        let failure = Failure::from(Error::Unreachable(controller, error.into()));
        if self.controller.is_https() {
            failure.hint("If the platform has a certificate authority of its own, name its file in SSL_CERT_FILE.")
        } else {
            failure
        }
    }
}

fn builder(controller: &Controller, ssl_verify: bool) -> ClientBuilder {
    let client = Client::builder()
        .user_agent(concat!("Deis Client ", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .redirect(redirect::Policy::none());
    if !controller.is_https() {
        // The system's certificates are not needed, and need not be there.
        client.tls_certs_only([])
    } else {
        client.tls_danger_accept_invalid_certs(!ssl_verify)
    }
}

fn authorization(token: &Secret) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(&format!("token {}", token.expose())).map_err(|_| Error::BadToken)?;
    value.set_sensitive(true);
    Ok(value)
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|reason| {
        let body = String::from_utf8_lossy(body).into_owned();
        Error::NoJson { reason, body }.into()
    })
}

/// 204, and the empty 201 and 200 of a few endpoints, are read as null.
fn decode_or_null<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    decode(if body.is_empty() { b"null" } else { body })
}

/// A call that goes on in the platform when we stop to wait for it.
pub trait OrGoneOn<T>: Future<Output = Result<T, Failure>> + Sized {
    /// Says so on Ctrl-C, after `timeout`, and when no answer of the controller came through.
    async fn or_gone_on(self, goes_on: &str, timeout: Option<Duration>) -> Result<T, Failure> {
        tokio::select! {
            answer = self => answer.map_err(|failure| {
                if repeat::is_unanswered(&failure) { failure.hint(goes_on) } else { failure }
            }),
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted(goes_on)),
            () = until(timeout.and_then(end_of)) => Err(Failure::timed_out(goes_on)),
        }
    }
}

impl<T, F: Future<Output = Result<T, Failure>>> OrGoneOn<T> for F {}
