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

/// What asking a second time does when the first may have been heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repeat {
    /// No more than asking once: it only reads, says how things are to be, or has a key by which the controller knows it again.
    Joins,
    /// The same, but when the first was heard and done, the second does not find what the path ends with.
    Deletes,
    /// The same of an app: the second finds no app.
    Destroys,
    /// It says how things are to be, but when the first was heard and done, the second is told that it changes nothing, or that what it
    /// takes away is not there.
    Sets,
    /// It would be done twice, or refused for being done already: only what was certainly not heard is asked again.
    Doubles,
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
    let mut perhaps_heard = false;
    loop {
        let begin = Instant::now();
        let failure = match attempt().await {
            Err(failure) if perhaps_heard && repeat.is_done(&failure) => return Ok(Vec::new()),
            Err(failure) if perhaps_heard && repeat.is_undecided(&failure) => {
                return Err(failure.hint("The first try, whose answer was lost, may have done it all the same."));
            }
            Err(failure) => failure,
            answer => return answer,
        };
        let may_try = match fate(&failure) {
            None => return Err(failure),
            Some(Fate::Unheard) => broken.is_some() || failure.cause::<Error>().is_none(),
            Some(Fate::PerhapsHeard) => {
                perhaps_heard = true;
                repeat != Repeat::Doubles && begin.elapsed() < AT_ONCE
            }
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

impl Repeat {
    /// Whether what the second is told says that the first was done. Where there is no such app, nothing was taken from it.
    fn is_done(self, failure: &Failure) -> bool {
        failure.cause::<Refused>().is_some_and(|refused| match self {
            Self::Deletes => refused.code() == Some(Code::NotFound) && !refused.is_unknown_app(),
            Self::Destroys => refused.is_unknown_app(),
            Self::Sets => matches!(refused.code(), Some(Code::NothingChanged | Code::NotSet)),
            Self::Joins | Self::Doubles => false,
        })
    }

    /// Whether what the second is told is the same when the first was done and when it never was allowed: who takes a right away may have
    /// had it himself.
    fn is_undecided(self, failure: &Failure) -> bool {
        let code = failure.cause::<Refused>().and_then(Refused::code);
        matches!(self, Self::Deletes | Self::Destroys) && code == Some(Code::PermissionDenied)
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
        for kind in [Repeat::Joins, Repeat::Deletes, Repeat::Destroys, Repeat::Sets] {
            assert_eq!(tried(kind, &[|| Err(lost()), || Err(unreachable()), done]).await, "3 tries: done");
            let router: [fn() -> _; 4] = [
                || Err(refused(502, "backend-failed")),
                || Err(refused(503, "no-backend")),
                || Err(refused(504, "backend-timed-out")),
                done,
            ];
            assert_eq!(tried(kind, &router).await, "4 tries: done");
        }
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
        assert_eq!(tried(Repeat::Joins, &[|| Err(lost())]).await, format!("11 tries: {broke}"));
        assert_eq!(tried(Repeat::Joins, &[|| Err(lost()), || Err(unreachable())]).await, format!("11 tries: {broke}"));
    }

    #[tokio::test]
    async fn an_answer_is_an_answer() {
        assert_eq!(tried(Repeat::Joins, &[|| Err(refused(503, "unavailable"))]).await, "1 tries: No.");
        assert_eq!(tried(Repeat::Joins, &[|| Err(refused(503, "maintenance"))]).await, "1 tries: No.");
        assert!(tried(Repeat::Joins, &[|| Err(unreachable())]).await.starts_with("1 tries"));
    }

    #[tokio::test]
    async fn what_must_not_be_done_twice_is_asked_again_only_when_nobody_heard_it() {
        assert!(tried(Repeat::Doubles, &[|| Err(lost()), done]).await.starts_with("1 tries"));
        assert!(tried(Repeat::Doubles, &[|| Err(refused(502, "backend-failed")), done]).await.starts_with("1 tries"));
        assert_eq!(tried(Repeat::Doubles, &[|| Err(refused(503, "no-backend")), done]).await, "2 tries: done");
        assert_eq!(tried(Repeat::Doubles, &[|| Err(refused(503, "backend-busy")), done]).await, "2 tries: done");
        assert_eq!(tried(Repeat::Doubles, &[|| Err(refused(503, "backend-busy"))]).await, "11 tries: No.");
        let worse: [fn() -> _; 2] = [|| Err(refused(503, "no-backend")), || Err(lost())];
        let told = tried(Repeat::Doubles, &worse).await;
        assert!(told.starts_with("2 tries: the connection to http://deis.example.com broke"), "{told}");
    }

    fn missing(what: &str) -> Failure {
        let body = format!("\"No {what} matches the given query.\"");
        Refused::new(StatusCode::NOT_FOUND, Some("not-found".to_owned()), body.as_bytes()).into_failure()
    }

    #[tokio::test]
    async fn what_is_gone_at_the_second_try_was_deleted_by_the_first() {
        let domain: [fn() -> _; 2] = [|| Err(lost()), || Err(missing("Domain"))];
        let app: [fn() -> _; 2] = [|| Err(refused(502, "backend-failed")), || Err(missing("App"))];
        assert_eq!(tried(Repeat::Deletes, &domain).await, "2 tries: ");
        assert_eq!(tried(Repeat::Destroys, &app).await, "2 tries: ");
        let unknown = "2 tries: \"No App matches the given query.\"";
        assert_eq!(tried(Repeat::Deletes, &app).await, unknown, "nothing was taken from an app that is not there");
        assert_eq!(tried(Repeat::Joins, &app).await, unknown);
        let first: [fn() -> _; 2] = [|| Err(refused(503, "no-backend")), || Err(missing("Domain"))];
        let told = tried(Repeat::Deletes, &first).await;
        assert_eq!(told, "2 tries: \"No Domain matches the given query.\"", "nobody had heard the first");
    }

    #[tokio::test]
    async fn what_is_as_asked_for_at_the_second_try_was_set_by_the_first() {
        let changed_nothing = || Err(refused(409, "nothing-changed"));
        assert_eq!(tried(Repeat::Sets, &[|| Err(lost()), changed_nothing]).await, "2 tries: ");
        assert_eq!(tried(Repeat::Sets, &[|| Err(lost()), || Err(refused(422, "not-set"))]).await, "2 tries: ");
        assert_eq!(tried(Repeat::Sets, &[changed_nothing]).await, "1 tries: No.");
        let unheard: [fn() -> _; 2] = [|| Err(refused(503, "backend-busy")), changed_nothing];
        assert_eq!(tried(Repeat::Sets, &unheard).await, "2 tries: No.", "nobody had heard the first");
        let other: [fn() -> _; 2] = [|| Err(lost()), || Err(refused(400, "already-exists"))];
        assert!(!tried(Repeat::Sets, &other).await.ends_with("tries: "), "somebody else has it");
    }
}
