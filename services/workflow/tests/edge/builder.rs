use deis_api::{AppName, Code, GitSha, Username};
use deis_workflow::builds::Builder;
use deis_workflow::error::Error;
use deis_workflow::images::{Copied, Order};
use deis_workflow::ledger::Answer;
use parking_lot::Mutex;
use secrecy::ExposeSecret as _;

/// A builder with at most one build.
#[derive(Default)]
pub(crate) struct TestBuilder {
    running: Mutex<Option<String>>,
    cancelled_by: Mutex<Vec<String>>,
    away: Mutex<bool>,
    pulled: Mutex<Vec<String>>,
    next: Mutex<Option<Result<Copied, (Code, String)>>>,
    always: Mutex<Option<Copied>>,
}

impl TestBuilder {
    pub(crate) fn build(&self, sha: &str) {
        *self.running.lock() = Some(sha.to_owned());
    }

    pub(crate) fn cancelled_by(&self) -> Vec<String> {
        self.cancelled_by.lock().clone()
    }

    /// What comes of the next pull.
    pub(crate) fn answer_pull(&self, answer: Result<Copied, (Code, &str)>) {
        *self.next.lock() = Some(answer.map_err(|(code, message)| (code, message.to_owned())));
    }

    /// What comes of every pull of which nothing else was said.
    pub(crate) fn answer_pulls(&self, copied: Copied) {
        *self.always.lock() = Some(copied);
    }

    /// What was to be pulled: `shop <- nginx as bob:secret`.
    pub(crate) fn pulled(&self) -> Vec<String> {
        self.pulled.lock().clone()
    }

    pub(crate) fn go_away(&self) {
        *self.away.lock() = true;
    }
}

impl Builder for TestBuilder {
    fn cancel<'a>(&'a self, app: &'a AppName, user: &'a Username) -> Answer<'a, GitSha> {
        let running = self.running.lock().take();
        let none = || Error::refused(Code::NotFound, format!("No build of {app} is running."));
        let answer = running.map(|sha| sha.parse().unwrap()).ok_or_else(none);
        if answer.is_ok() {
            self.cancelled_by.lock().push(user.to_string());
        }
        Box::pin(async move { answer })
    }

    fn clear_cache<'a>(&'a self, _app: &'a AppName) -> Answer<'a, u64> {
        let away = || Error::refused(Code::Unavailable, "The builder cannot be reached, try again later.");
        let answer = if *self.away.lock() { Err(away()) } else { Ok(4096) };
        Box::pin(async move { answer })
    }

    fn pull<'a>(&'a self, order: Order<'a>, step: &'a (dyn Fn(String) + Send + Sync)) -> Answer<'a, Copied> {
        let login = order.credentials.map(|(user, password)| format!(" as {user}:{}", password.expose_secret()));
        let root = if order.allow_root { " with root" } else { "" };
        self.pulled.lock().push(format!("{} <- {}{}{root}", order.app, order.image, login.unwrap_or_default()));
        step("copying 1 of 1 layers, 3 of 3 MiB".to_owned());
        let answer =
            self.next.lock().take().or_else(|| self.always.lock().clone().map(Ok)).expect("an answer for each pull");
        Box::pin(async move { answer.map_err(|(code, message)| Error::refused(code, message)) })
    }
}
