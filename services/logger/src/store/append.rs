//! Lines come in: each exactly once, however often it is sent.

use std::collections::HashMap;
use std::sync::Arc;

use deis_api::AppName;
use deis_proto::logger::AppendRequest;
use parking_lot::Mutex;
use prost::Message as _;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult};

use super::contents::dropped;
use super::{Store, scripts, source_key};
use crate::error::Error;

/// How long a source that is silent is remembered: an agent that was away so long may send lines again that were stored.
const MEMORY_SECONDS: u64 = 7 * 24 * 60 * 60;
/// Beyond so many, what was confirmed of them is asked for again.
const MOST_SOURCES: usize = 65_536;
/// How often the state of one source may change under our feet before the call fails.
const ATTEMPTS: usize = 8;

/// Lines of one container, with names that were checked.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose lines they are.
    pub app: AppName,
    /// The message; its lines are in the order of their positions.
    pub message: AppendRequest,
}

/// What became of the lines of some batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Lines stored.
    pub lines: u64,
    /// Bytes of their texts.
    pub bytes: u64,
    /// Lines that were stored already.
    pub duplicates: u64,
    /// Lines of apps that were deleted after they had been written.
    pub orphans: u64,
    /// Lines that agents have said are missing.
    pub lost: u64,
}

/// What Redis has confirmed of each source. It is shared by all calls, so that a Redis that comes back with less is found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Confirmed {
    states: Arc<Mutex<HashMap<Key, State>>>,
}

impl Confirmed {
    fn get(&self, key: &Key) -> Option<State> {
        self.states.lock().get(key).cloned()
    }

    fn set(&self, key: Key, state: State) -> Option<State> {
        let mut states = self.states.lock();
        if states.len() >= MOST_SOURCES {
            states.clear();
        }
        states.insert(key, state)
    }
}

/// App and source.
type Key = (AppName, String);

/// What Redis says of a source and its app, in its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    /// "{position}:{lines}"; empty when the source is not known.
    source: String,
    /// When the app was deleted; empty when it never was.
    gone: String,
}

impl State {
    /// Where the last stored line ends.
    fn position(&self) -> u64 {
        self.source.split_once(':').and_then(|(position, _)| position.parse().ok()).unwrap_or(0)
    }

    /// How many lines were stored.
    fn lines(&self) -> u64 {
        self.source.split_once(':').and_then(|(_, lines)| lines.parse().ok()).unwrap_or(0)
    }
}

/// One attempt to store a batch.
#[derive(Clone)]
struct Attempt {
    key: Key,
    /// What of the batch is new.
    message: AppendRequest,
    before: State,
    after: State,
    taken: Taken,
}

impl Store {
    /// Stores batches in their order. When it fails, some may have been stored; repeating does no harm.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn append(&self, batches: Vec<Batch>) -> Result<Taken, Error> {
        let mut connection = self.connection()?;
        let mut all = Taken::default();
        let (mut attempts, mut waiting) = (Vec::new(), Vec::new());
        // What each script will find, if those before it succeed.
        let mut expected = HashMap::new();
        for batch in batches {
            let key = (batch.app.clone(), batch.message.source.clone());
            let before = expected.remove(&key).or_else(|| self.confirmed.get(&key)).unwrap_or_default();
            match plan(&batch, key, before) {
                Planned::Nothing(taken) => all.add(taken),
                Planned::Write(attempt) => {
                    expected.insert(attempt.key.clone(), attempt.after.clone());
                    attempts.push(*attempt);
                    waiting.push(batch);
                }
            }
        }
        let answers = self.run_all(&mut connection, &attempts).await?;
        let mut refused = Vec::new();
        for ((attempt, (is_done, found)), batch) in attempts.into_iter().zip(answers).zip(waiting) {
            if is_done {
                all.add(attempt.taken);
                self.confirmed.set(attempt.key, attempt.after);
            } else {
                self.found(&mut connection, attempt, found).await?;
                refused.push(batch);
            }
        }
        for batch in refused {
            all.add(self.insist(&mut connection, &batch).await?);
        }
        Ok(all)
    }

    /// Stores one batch whose source is not where it was believed to be.
    async fn insist(&self, connection: &mut MultiplexedConnection, batch: &Batch) -> Result<Taken, Error> {
        for _attempt in 0..ATTEMPTS {
            let key = (batch.app.clone(), batch.message.source.clone());
            let before = self.confirmed.get(&key).unwrap_or_default();
            let attempt = match plan(batch, key, before) {
                Planned::Nothing(taken) => return Ok(taken),
                Planned::Write(attempt) => attempt,
            };
            let answers = self.run_all(connection, std::slice::from_ref(&attempt)).await?;
            for (is_done, found) in answers {
                if is_done {
                    self.confirmed.set(attempt.key, attempt.after);
                    return Ok(attempt.taken);
                }
                self.found(connection, (*attempt).clone(), found).await?;
            }
        }
        Err(Error::Away)
    }

    /// Takes in that a source is not where it was believed to be. Further back means that Redis has lost what it had
    /// confirmed; that is said where the lines would have stood.
    async fn found(&self, connection: &mut MultiplexedConnection, attempt: Attempt, found: State) -> Result<(), Error> {
        let confirmed = self.confirmed.set(attempt.key.clone(), found.clone()).unwrap_or_default();
        let lost = confirmed.lines().saturating_sub(found.lines()).min(self.limits.lines_per_app);
        // An app's end is no loss.
        if lost == 0 || found.gone != confirmed.gone {
            return Ok(());
        }
        let time = attempt.message.lines.first().map_or(0, |line| line.time_micros);
        tracing::warn!(app = %attempt.key.0, lost, "Redis has lost lines");
        let note = dropped(time, lost, &attempt.message.pod, "the store has lost them");
        self.add(connection, &attempt.key.0, &note).await
    }

    /// Runs attempts in one go. The answer to each: whether it was written, and what was found.
    async fn run_all(
        &self,
        connection: &mut MultiplexedConnection,
        attempts: &[Attempt],
    ) -> Result<Vec<(bool, State)>, Error> {
        if attempts.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(attempts.len());
        for attempt in attempts {
            pipeline.add_command(self.command(attempt));
        }
        let mut answers: RedisResult<Vec<(i64, String, String)>> = pipeline.query_async(connection).await;
        if answers.as_ref().is_err_and(scripts::is_forgotten) {
            scripts::load(connection).await.map_err(|error| self.suspect(error))?;
            // Those that were run before it forgot them refuse now, for they find their own traces.
            answers = pipeline.query_async(connection).await;
        }
        let answers = answers.map_err(|error| self.suspect(error))?;
        Ok(answers.into_iter().map(|(done, source, gone)| (done == 1, State { source, gone })).collect())
    }

    fn command(&self, attempt: &Attempt) -> Cmd {
        let (app, source) = &attempt.key;
        let limits = self.limits;
        let mut call = scripts::call(&scripts::APPEND, &[&source_key(app, source)]);
        call.arg(app.as_str()).arg(&attempt.before.source).arg(&attempt.before.gone);
        call.arg(&attempt.after.source).arg(MEMORY_SECONDS);
        call.arg(attempt.taken.lines).arg(attempt.message.encode_to_vec());
        call.arg(limits.lines_per_app).arg(limits.bytes_per_app).arg(limits.bytes_in_all);
        call
    }
}

/// Says what is new of a batch, by what is believed of its source.
fn plan(batch: &Batch, key: Key, before: State) -> Planned {
    let mut taken = Taken::default();
    let gone = before.gone.parse().unwrap_or(i64::MIN);
    let position = before.position();
    let mut message = AppendRequest {
        pod: batch.message.pod.clone(),
        process: batch.message.process.clone(),
        release: batch.message.release.clone(),
        ..AppendRequest::default()
    };
    for line in &batch.message.lines {
        if line.position <= position {
            taken.duplicates += 1;
        } else if line.time_micros <= gone {
            taken.orphans += 1;
        } else {
            taken.lines += 1;
            taken.bytes += line.text.len() as u64;
            taken.lost += line.lost_before;
            message.lines.push(line.clone());
        }
    }
    let Some(last) = message.lines.last() else { return Planned::Nothing(taken) };
    let source = format!("{}:{}", last.position, before.lines() + taken.lines);
    let after = State { source, gone: before.gone.clone() };
    Planned::Write(Box::new(Attempt { key, message, before, after, taken }))
}

enum Planned {
    /// All of it is stored or belongs to nobody.
    Nothing(Taken),
    Write(Box<Attempt>),
}

impl Taken {
    fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.duplicates += other.duplicates;
        self.orphans += other.orphans;
        self.lost += other.lost;
    }
}
