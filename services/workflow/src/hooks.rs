//! Deploy hooks: for every release a `POST` to each address that an operator has named. They are news, no part of a deploy: nobody waits for
//! them, and what does not get through stands in the app's log and is not sent again. Each address has a queue and a task of its own, so that
//! one that does not answer keeps nothing from the others.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use deis_api::{AppName, ReleaseVersion, Username, innermost};
use deis_bootstrap::{Context, deadline};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ledger::{Ledger, Release};
use crate::logs::Events;

/// So many hooks wait for an address at most.
const QUEUE: usize = 256;
/// How long one may take to connect, and to answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// How long all tries of one may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long all that still wait may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(5);
/// Between two tries of an address that cannot be reached.
const TRIES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_secs(10))
    .with_max_times(10);

/// Where hooks go, and how they are signed.
#[derive(Debug, Default)]
pub struct Addresses {
    /// `https://example.com/hook`.
    pub urls: Vec<String>,
    /// The key of the signature; without one there is none.
    pub key: Option<SecretString>,
}

/// Tells operators' addresses of releases. It never blocks and never fails.
#[derive(Clone, Default)]
pub struct Hooks {
    queues: Arc<[Queue]>,
}

struct Queue {
    shown: String,
    news: mpsc::Sender<News>,
}

/// A release that was made.
#[derive(Clone, Debug)]
struct News {
    app: AppName,
    release: ReleaseVersion,
    summary: String,
    user: Username,
    build: Option<Uuid>,
}

impl Hooks {
    /// Starts to send to each address.
    #[must_use]
    pub fn start(context: &Context, ledger: &Arc<dyn Ledger>, events: &Events, addresses: Addresses) -> Self {
        let Addresses { urls, key } = addresses;
        if urls.is_empty() {
            return Self::default();
        }
        let client = Client::builder().user_agent(concat!("Deis Workflow/", env!("CARGO_PKG_VERSION")));
        let client = client.connect_timeout(CONNECT).timeout(ANSWER).redirect(redirect::Policy::none()).build();
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(error = ?error, "deploy hooks cannot be sent");
                return Self::default();
            }
        };
        let queues = urls.into_iter().map(|url| {
            let (news, waiting) = mpsc::channel(QUEUE);
            let shown = shown(&url);
            let sender = Sender {
                address: Address { url, key: key.clone() },
                shown: shown.clone(),
                client: client.clone(),
                ledger: Arc::clone(ledger),
                events: events.clone(),
            };
            drop(context.tasks.spawn("send deploy hooks", sender.work(waiting, context.shutdown.clone())));
            Queue { shown, news }
        });
        Self { queues: queues.collect() }
    }

    /// A release was made; `events` is told of what finds no room.
    pub fn released(&self, events: &Events, app: &AppName, release: &Release) {
        for queue in self.queues.iter() {
            let news = News {
                app: app.clone(),
                release: release.version,
                summary: release.summary.clone(),
                user: release.owner.clone(),
                build: release.build,
            };
            if queue.news.try_send(news).is_err() {
                events.record(app, "hook", failed(&queue.shown, "too many others wait for it"));
            }
        }
    }
}

/// Sends to one address.
struct Sender {
    address: Address,
    shown: String,
    client: Client,
    ledger: Arc<dyn Ledger>,
    events: Events,
}

impl Sender {
    async fn work(self, mut waiting: mpsc::Receiver<News>, shutdown: CancellationToken) {
        let farewell = async {
            shutdown.cancelled().await;
            let _over = deadline(FAREWELL, pending::<()>()).await;
        };
        tokio::select! {
            () = self.tell_all(&mut waiting, &shutdown) => {}
            () = farewell => tracing::warn!(hook = self.shown, "the process ends, and deploy hooks were not sent"),
        }
    }

    async fn tell_all(&self, waiting: &mut mpsc::Receiver<News>, shutdown: &CancellationToken) {
        while let Some(Some(news)) = shutdown.run_until_cancelled(waiting.recv()).await {
            self.tell(&news, TRIES, PATIENCE).await;
        }
        // What was answered before the end is still told, as far as there is time, and tried once.
        waiting.close();
        while let Some(news) = waiting.recv().await {
            self.tell(&news, TRIES.with_max_times(0), FAREWELL).await;
        }
    }

    /// Sends one, and says in the app's log what came of it.
    async fn tell(&self, news: &News, tries: ExponentialBuilder, patience: Duration) {
        let outcome = match deadline(patience, self.send(news, tries)).await {
            Ok(outcome) => outcome,
            Err(_late) => Err(format!("it did not answer within {} s", patience.as_secs())),
        };
        let text = match outcome {
            Ok(()) => format!("Deploy hook sent to {}", self.shown),
            Err(why) => {
                tracing::warn!(app = %news.app, release = %news.release, hook = self.shown, why, "a deploy hook was not sent");
                failed(&self.shown, &why)
            }
        };
        self.events.record(&news.app, "hook", text);
    }

    async fn send(&self, news: &News, tries: ExponentialBuilder) -> Result<(), String> {
        let sha = self.sha(news).await?;
        let Signed { url, signature } = self.address.of(news, &sha).ok_or("it is no address")?;
        let post = || {
            let request = self.client.post(url.clone());
            let request = match &signature {
                Some(signature) => request.header(reqwest::header::AUTHORIZATION, signature),
                None => request,
            };
            async move { request.send().await }
        };
        // Who may have heard it is not told again.
        let answer = post.retry(tries).when(reqwest::Error::is_connect).await;
        let answer = answer.map_err(|error| innermost(&error.without_url()).to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
    }

    /// The commit of the release's build; empty where there is none.
    async fn sha(&self, news: &News) -> Result<String, String> {
        let Some(uuid) = news.build else { return Ok(String::new()) };
        let build = self.ledger.build(&news.app, uuid).await.map_err(|error| error.to_string())?;
        Ok(build.and_then(|build| build.sha).map(|sha| sha.to_string()).unwrap_or_default())
    }
}

/// An address with the key of its signatures.
struct Address {
    url: String,
    key: Option<SecretString>,
}

/// What is sent to an address.
struct Signed {
    url: Url,
    /// Lower-case hex of HMAC-SHA1(key, the whole URL).
    signature: Option<String>,
}

impl Address {
    fn of(&self, news: &News, sha: &str) -> Option<Signed> {
        let release = news.release.to_string();
        let pairs = [
            ("app", news.app.as_str()),
            ("release", release.as_str()),
            ("release_summary", news.summary.as_str()),
            ("sha", sha),
            ("user", news.user.as_str()),
        ];
        // What is signed begins with the address as the operator wrote it: a URL alone would write some otherwise.
        let mut encoded = Url::parse("http://localhost").ok()?;
        encoded.query_pairs_mut().extend_pairs(pairs);
        let separator = if self.url.contains('?') { '&' } else { '?' };
        let text = format!("{}{separator}{}", self.url, encoded.query()?);
        let signature = match &self.key {
            Some(key) => {
                let mut mac = Hmac::<Sha1>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
                mac.update(text.as_bytes());
                Some(hex::encode(mac.finalize().into_bytes()))
            }
            None => None,
        };
        Some(Signed { url: text.parse().ok()?, signature })
    }
}

/// An address without what may be secret in it: the app's users read it.
fn shown(url: &str) -> String {
    let Ok(mut url) = url.parse::<Url>() else { return "an address that is none".to_owned() };
    let _has_no_host = url.set_username("").and_then(|()| url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

fn failed(shown: &str, why: &str) -> String {
    format!("An error occurred while sending the deploy hook to {shown}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(url: &str, key: Option<&str>, summary: &str, sha: &str) -> Signed {
        let news = News {
            app: "shop".parse().unwrap(),
            release: "v2".parse().unwrap(),
            summary: summary.to_owned(),
            user: "bob".parse().unwrap(),
            build: None,
        };
        Address { url: url.to_owned(), key: key.map(SecretString::from) }.of(&news, sha).unwrap()
    }

    #[test]
    fn the_query_says_what_was_released_and_all_of_it_is_signed() {
        let signed = |url| signed(url, Some("hunter2"), "bob deployed acaa8a5", "acaa8a5f");
        let Signed { url, signature } = signed("http://example.com/hook");
        let text =
            "http://example.com/hook?app=shop&release=v2&release_summary=bob+deployed+acaa8a5&sha=acaa8a5f&user=bob";
        assert_eq!(url.as_str(), text);
        // As of: printf %s "$text" | openssl dgst -sha1 -hmac hunter2
        assert_eq!(signature.unwrap(), "b99953c1133d1a6a9ef55eddc24457006be73582");
        assert!(signed("http://example.com/hook?token=x").url.as_str().contains("?token=x&app=shop&"));
    }

    #[test]
    fn without_a_key_nothing_is_signed_and_no_text_leaves_its_place() {
        let Signed { url, signature } = signed("https://example.com", None, "a&user=eve#x", "");
        assert_eq!(signature, None);
        assert_eq!(
            url.as_str(),
            "https://example.com/?app=shop&release=v2&release_summary=a%26user%3Deve%23x&sha=&user=bob"
        );
    }

    #[test]
    fn what_may_be_secret_in_an_address_is_not_shown() {
        assert_eq!(shown("https://bob:hunter2@example.com:8443/hook?token=x#y"), "https://example.com:8443/hook");
        assert_eq!(shown("hook"), "an address that is none");
    }
}
