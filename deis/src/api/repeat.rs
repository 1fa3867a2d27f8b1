//! A request that is made again when the controller, or the way to it, broke before the answer was there.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use deis_api::Code;
use deis_cli::deadline::{end_of, until};
use deis_cli::{Failure, Ui};

use super::{Error, Refused};

/// The waits between tries; no more than 30 s in sum: another replica takes the place of a controller that dies in seconds.
pub const PATIENCE: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_secs(4))
    .without_max_times()
    .with_total_delay(Some(Duration::from_secs(30)));

/// Who went away after a longer time was not replaced, but had much to do: that is not asked for again.
const AT_ONCE: Duration = Duration::from_secs(60);

/// What is asked again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repeat {
    /// Whatever brought no answer: it only reads, or the controller knows it again by its key.
    Lost,
    /// What was certainly not heard. Of what changes credentials, and of a command that is run, the controller tells the answer once.
    Unheard,
}

/// Whether nobody knows what came of a call that ended like this: it may well be under way.
pub fn is_unanswered(failure: &Failure) -> bool {
    matches!(fate(failure), Some(Fate::PerhapsHeard)) || matches!(failure.cause(), Some(Error::TimedOut(..)))
}

/// What is known of a try that brought no answer of the controller.
enum Fate {
    Unheard,
    PerhapsHeard,
}

fn fate(failure: &Failure) -> Option<Fate> {
    match (failure.cause::<Error>(), failure.cause::<Refused>().and_then(Refused::code)) {
        (Some(Error::Unreachable(..)), _) | (_, Some(Code::NoBackend | Code::BackendBusy)) => Some(Fate::Unheard),
        // The router's words: the controller's own refusals have other codes.
        (Some(Error::Lost(..)), _) | (_, Some(Code::BackendFailed | Code::BackendTimedOut)) => Some(Fate::PerhapsHeard),
        _ => None,
    }
}

/// Tries until there is an answer, a refusal included, and says on a terminal that it goes on trying. An address that cannot be reached
/// at all is given up at once; one that could be before is not.
pub async fn repeat(
    repeat: Repeat,
    patience: ExponentialBuilder,
    attempt: impl AsyncFn() -> Result<Vec<u8>, Failure>,
) -> Result<Vec<u8>, Failure> {
    let mut delays = patience.build();
    let mut broken: Option<Failure> = None;
    loop {
        let begin = Instant::now();
        let failure = match attempt().await {
            Err(failure) => failure,
            answer => return answer,
        };
        let may_try = match fate(&failure) {
            None => return Err(failure),
            Some(Fate::Unheard) => broken.is_some() || failure.cause::<Error>().is_none(),
            Some(Fate::PerhapsHeard) => repeat == Repeat::Lost && begin.elapsed() < AT_ONCE,
        };
        let is_first = broken.is_none();
        // What is told in the end is the worst: that it may have been heard.
        let worst = match broken {
            Some(before) if matches!(fate(&failure), Some(Fate::Unheard)) => before,
            _ => failure,
        };
        let Some(delay) = delays.next().filter(|_| may_try) else { return Err(worst) };
        if is_first {
            tell(&worst);
        }
        broken = Some(worst);
        until(end_of(delay)).await;
    }
}

/// To a person only: a script has no use for it.
fn tell(failure: &Failure) {
    if io::stderr().is_terminal() {
        let why = match failure.cause::<Refused>().and_then(Refused::code) {
            Some(Code::BackendBusy) => "The controller has too much to do",
            _ => "The controller went away",
        };
        // In the place of the mark that moves, which comes back on the next line. A terminal that is gone adds nothing.
        let _unwritten = Ui::system().warn_text(format!("\r\u{1b}[K{why}; asking again…\n"));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use reqwest::StatusCode;

    use super::super::Cause;
    use super::*;

    fn lost() -> Failure {
        Error::Lost("http://deis.example.com".to_owned(), Cause("connection reset".to_owned())).into()
    }

    fn unreachable() -> Failure {
        Error::Unreachable("http://deis.example.com".to_owned(), Cause("refused".to_owned())).into()
    }

    fn refused(status: u16, code: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Refused::new(status, Some(code.to_owned()), br#"{"detail": "No."}"#).into_failure()
    }

    type Answer = Result<Vec<u8>, Failure>;

    /// The same, a thousand times as fast.
    fn patience() -> ExponentialBuilder {
        let (first, longest) = (Duration::from_micros(250), Duration::from_millis(4));
        PATIENCE.with_min_delay(first).with_max_delay(longest).with_total_delay(Some(Duration::from_millis(30)))
    }

    /// Answers in turn, the last one again and again; tells what came of it after how many tries.
    async fn tried(kind: Repeat, answers: &[fn() -> Answer]) -> String {
        let tries = Cell::new(0);
        let answer = repeat(kind, patience(), async || {
            let answer = answers.get(tries.get()).or(answers.last()).unwrap();
            tries.set(tries.get() + 1);
            answer()
        });
        let told = answer.await.map_or_else(|failure| failure.summary(), |body| String::from_utf8(body).unwrap());
        format!("{} tries: {told}", tries.get())
    }

    fn done() -> Answer {
        Ok(b"done".to_vec())
    }

    #[tokio::test]
    async fn what_broke_is_asked_again() {
        assert_eq!(tried(Repeat::Lost, &[|| Err(lost()), || Err(unreachable()), done]).await, "3 tries: done");
        let router: [fn() -> _; 4] = [
            || Err(refused(502, "backend-failed")),
            || Err(refused(503, "no-backend")),
            || Err(refused(504, "backend-timed-out")),
            done,
        ];
        assert_eq!(tried(Repeat::Lost, &router).await, "4 tries: done");
    }

    #[test]
    fn patience_has_an_end() {
        let waits = PATIENCE.build().collect::<Vec<_>>();
        assert_eq!(waits.len(), 10, "{waits:?}");
        let whole = waits.iter().sum::<Duration>();
        assert!((Duration::from_secs(25)..=Duration::from_secs(30)).contains(&whole), "{whole:?}");
    }

    #[tokio::test]
    async fn it_ends_and_says_that_it_may_have_been_heard() {
        let broke = "the connection to http://deis.example.com broke before the answer was there: connection reset";
        assert_eq!(tried(Repeat::Lost, &[|| Err(lost())]).await, format!("11 tries: {broke}"));
        assert_eq!(tried(Repeat::Lost, &[|| Err(lost()), || Err(unreachable())]).await, format!("11 tries: {broke}"));
    }

    #[tokio::test]
    async fn an_answer_is_an_answer() {
        assert_eq!(tried(Repeat::Lost, &[|| Err(refused(503, "unavailable"))]).await, "1 tries: No.");
        assert_eq!(tried(Repeat::Lost, &[|| Err(refused(503, "maintenance"))]).await, "1 tries: No.");
        // It says itself when to try again.
        assert_eq!(tried(Repeat::Lost, &[|| Err(refused(429, "too-many-attempts"))]).await, "1 tries: No.");
        assert_eq!(tried(Repeat::Lost, &[|| Err(refused(503, "overloaded"))]).await, "1 tries: No.");
        assert!(tried(Repeat::Lost, &[|| Err(unreachable())]).await.starts_with("1 tries"));
    }

    #[tokio::test]
    async fn what_must_not_be_done_twice_is_asked_again_only_when_nobody_heard_it() {
        assert!(tried(Repeat::Unheard, &[|| Err(lost()), done]).await.starts_with("1 tries"));
        assert!(tried(Repeat::Unheard, &[|| Err(refused(502, "backend-failed")), done]).await.starts_with("1 tries"));
        assert_eq!(tried(Repeat::Unheard, &[|| Err(refused(503, "no-backend")), done]).await, "2 tries: done");
        assert_eq!(tried(Repeat::Unheard, &[|| Err(refused(503, "backend-busy")), done]).await, "2 tries: done");
        assert_eq!(tried(Repeat::Unheard, &[|| Err(refused(503, "backend-busy"))]).await, "11 tries: No.");
        let worse: [fn() -> _; 2] = [|| Err(refused(503, "no-backend")), || Err(lost())];
        let told = tried(Repeat::Unheard, &worse).await;
        assert!(told.starts_with("2 tries: the connection to http://deis.example.com broke"), "{told}");
    }
}
