use std::time::Duration;

use reqwest::header::HOST;

/// Nothing that is measured takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Asks the router for a page, over one connection that is kept.
pub(crate) struct Probe {
    client: reqwest::Client,
    url: String,
    /// How long from one question to the next: the grain of what is measured.
    every: Duration,
}

impl Probe {
    pub(crate) fn new(url: String, every: Duration) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        Self { client, url, every }
    }

    /// Asks for `host` until the answer, status and body, is as it should be.
    pub(crate) async fn until(&self, host: &str, is_so: impl Fn(u16, &str) -> bool) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let asking = async {
            loop {
                ticks.tick().await;
                if let Ok((status, body)) = self.ask(host).await
                    && is_so(status, &body)
                {
                    return;
                }
            }
        };
        deis_bootstrap::deadline(LIMIT, asking)
            .await
            .unwrap_or_else(|late| panic!("{host} through {}: {late}", self.url));
    }

    async fn ask(&self, host: &str) -> Result<(u16, String), reqwest::Error> {
        let answer = self.client.get(&self.url).header(HOST, host).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}
