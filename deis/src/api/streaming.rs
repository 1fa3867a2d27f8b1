use std::time::Duration;

use deis_api::rest::API_VERSION_HEADER;
use deis_cli::{Failure, deadline};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::{Api, Error, Refused, Wait, header};

/// The most that one line may have: what is longer is no line of the contract.
const LINE_LIMIT: usize = 4 << 20;

/// The controller gives a sign of life in a third of this time; one that does not is gone.
pub const SILENCE: Duration = Duration::from_secs(45);
/// Between two tries to join again when an answer broke off.
const PACE: Duration = Duration::from_secs(1);
/// So many of them in a row.
const TRIES: u32 = 60;

/// The tries to join an answer again that broke off before its end: a controller is replaced, a connection is cut.
pub struct Rejoin {
    pace: Interval,
    tries: u32,
}

impl Rejoin {
    pub fn new() -> Self {
        let mut pace = interval_at(Instant::now() + PACE, PACE);
        // The ticks that fell into a long answer are no tries.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pace, tries: 0 }
    }

    /// Something was told: the tries count anew.
    pub const fn heard(&mut self) {
        self.tries = 0;
    }

    /// Takes what may be over at the next try: a refusal is final, but not a controller that is not there or says that it cannot
    /// just now.
    pub fn bear(&self, failure: Failure) -> Result<(), Failure> {
        let passes = failure.cause::<Error>().is_some() || failure.cause::<Refused>().is_some_and(Refused::is_passing);
        if passes && self.tries < TRIES { Ok(()) } else { Err(failure) }
    }

    /// Waits for the next try.
    pub async fn pause(&mut self) {
        self.pace.tick().await;
        self.tries += 1;
    }
}

/// An answer that is read line by line, as it comes.
pub struct Lines {
    response: Response,
    /// What came after the last line that was taken.
    rest: Vec<u8>,
    controller: String,
}

impl Api {
    /// Asks for an answer that may go on for ever; a refusal is told as always. `None` when there is nothing to read.
    pub async fn lines(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
        accept: &'static str,
    ) -> Result<Option<Lines>, Failure> {
        let request = self.request(Method::GET, segments).query(query).header(ACCEPT, accept);
        // No limit for the whole: it is for whoever reads to say when it has been quiet for too long.
        let limit = Wait::Short.duration();
        let response = tokio::select! {
            response = request.send() => response.map_err(|error| self.failure(error, limit))?,
            () = sleep_until(Instant::now() + limit) => {
                return Err(Error::TimedOut(self.controller.to_string(), limit).into());
            }
        };
        self.versions.note(header(&response, API_VERSION_HEADER).as_deref());
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        if !response.status().is_success() {
            // Reading a refusal fails with what it says.
            return self.read(response).await.map(|_| None);
        }
        Ok(Some(Lines { response, rest: Vec::new(), controller: self.controller.to_string() }))
    }
}

impl Lines {
    pub fn is_of(&self, media_type: &str) -> bool {
        header(&self.response, CONTENT_TYPE.as_str()).is_some_and(|found| found.starts_with(media_type))
    }

    /// What it is when nothing came for so long.
    pub fn silent(&self, waited: Duration) -> Error {
        Error::TimedOut(self.controller.clone(), waited)
    }

    /// The next object on a line of its own. `None` at the end of the answer; an error when there is not even a sign of life.
    pub async fn next_object<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        loop {
            match deadline::within(SILENCE, self.next()).await {
                None => return Err(self.silent(SILENCE).into()),
                Some(line) => match line? {
                    Some(line) if line.is_empty() => {}
                    line => return Ok(line.map(|line| serde_json::from_str(&line)).transpose()?),
                },
            }
        }
    }

    /// The next line without its end; what is no text in it is replaced. `None` at the end of the answer. May be dropped and called
    /// again.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.rest.iter().skip(searched).position(|byte| *byte == b'\n') {
                let after = self.rest.split_off(searched + end + 1);
                let mut line = std::mem::replace(&mut self.rest, after);
                line.pop();
                return Ok(Some(text(&line)));
            }
            searched = self.rest.len();
            if searched > LINE_LIMIT {
                return Err(Error::TooLarge(self.controller.clone()));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.rest.extend_from_slice(&chunk),
                Ok(None) if self.rest.is_empty() => return Ok(None),
                Ok(None) => return Ok(Some(text(&std::mem::take(&mut self.rest)))),
                Err(error) => return Err(Error::Lost(self.controller.clone(), error.into())),
            }
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}
