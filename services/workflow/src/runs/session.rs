//! Commands that somebody works with.

use std::time::Duration;

use deis_api::session::Size;
use deis_api::{AppName, Code};
use deis_bootstrap::deadline;
use tokio::io::AsyncWriteExt as _;

use super::attached::{Over, converse};
use super::one_off::OneOff;
use super::{Authority, Client, Runs, failure, wait};
use crate::deploy::EffectError;
use crate::error::Error;

/// How long a process that prints nothing any more may take to tell its exit code.
const LAST_WORD: Duration = Duration::from_secs(10);

/// How long a command may go on that prints nothing any more: its connection may have broken.
const OUTLIVES: Duration = Duration::from_secs(60);

impl Runs {
    /// Runs a command whose pod was made, with its client at both ends of it, and takes the pod away whatever becomes of them. Answers the
    /// exit code.
    ///
    /// # Errors
    /// [`Error::RunFailed`] when it cannot be started; [`Error::Refused`] when the client may not work with it any more, or is gone; and when
    /// this process ends.
    pub async fn attend(
        &self,
        one_off: &OneOff,
        terminal: Option<Size>,
        client: &mut Client,
        authority: &Authority,
    ) -> Result<i32, Error> {
        let attended = async {
            tokio::select! {
                ended = self.work(one_off, terminal, client) => ended,
                error = authority.lost() => Err(error),
                () = self.shutdown.cancelled() => Err(ending()),
            }
        };
        let ended = attended.await;
        self.remove(one_off.app(), &one_off.pod()).await;
        ended
    }

    async fn work(&self, one_off: &OneOff, terminal: Option<Size>, client: &mut Client) -> Result<i32, Error> {
        let pods = self.pods.as_ref();
        // Who goes away before it begins does not wait for it.
        tokio::select! {
            begun = wait::begun(pods, one_off) => begun?,
            () = client.gone.cancelled() => return Err(gone()),
        }
        let (app, pod) = (one_off.app(), one_off.pod());
        let attached = pods.attach(app, &pod, terminal.is_some()).await;
        let mut attached = attached.map_err(|error| failure::of_start(one_off, error))?;
        if let (Some(resize), Some(size)) = (&mut attached.resize, terminal) {
            resize(size).await;
        }
        // It waits for a line: nothing that it prints comes before somebody listens.
        let begin = attached.stdin.write_all(b"\n").await;
        begin.map_err(|error| failure::of_start(one_off, EffectError::Unavailable(error.to_string())))?;
        let mark = terminal.map(|_| deis_kube::objects::MARK);
        match converse(&mut attached, client, mark).await {
            Over::Ended => match deadline(OUTLIVES, wait::end(pods, one_off)).await {
                Ok(ended) => ended,
                Err(_late) => Err(failure::of_loss(one_off, "the connection to it broke")),
            },
            Over::Left => Err(gone()),
        }
    }

    /// Runs a command in a pod that serves, with its client at both ends of it. Answers the exit code.
    ///
    /// # Errors
    /// [`Error::Refused`] when it cannot be started, or the client may not work with it any more, or is gone; and when this process ends.
    pub async fn exec(
        &self,
        app: &AppName,
        pod: &str,
        command: &[String],
        terminal: Option<Size>,
        client: &mut Client,
        authority: &Authority,
    ) -> Result<i32, Error> {
        let work = async {
            let attached = self.pods.exec(app, pod, command, terminal.is_some()).await;
            let mut attached = attached.map_err(|error| {
                let text = format!(
                    "{pod} (exec): The command cannot be started: {error}. 'deis ps -a {app}' shows how it is."
                );
                Error::refused(Code::Unavailable, text)
            })?;
            if let (Some(resize), Some(size)) = (&mut attached.resize, terminal) {
                resize(size).await;
            }
            match converse(&mut attached, client, None).await {
                Over::Ended => {
                    let code = deadline(LAST_WORD, attached.exit_code).await;
                    let code = code.unwrap_or_else(|_late| Err("its node tells no exit code".to_owned()));
                    code.map_err(|words| {
                        let text = format!("{pod} (exec): The command did not come to its end: {words}.");
                        Error::refused(Code::ProcessExited, text)
                    })
                }
                Over::Left => Err(gone()),
            }
        };
        tokio::select! {
            ended = work => ended,
            error = authority.lost() => Err(error),
            () = self.shutdown.cancelled() => Err(ending()),
        }
    }
}

/// Nobody hears it.
fn gone() -> Error {
    Error::refused(Code::Unavailable, "The client has gone.")
}

fn ending() -> Error {
    Error::refused(
        Code::Unavailable,
        "The session was ended: the controller is ending. Start it again: another one takes it.",
    )
}
