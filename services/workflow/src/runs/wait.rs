//! From a pod that was made to the end of its command.

use std::time::Duration;

use deis_api::ProcType;
use deis_bootstrap::deadline;
use tokio::time::Instant;

use super::failure;
use super::one_off::{Look, OneOff, OneOffs, State};
use crate::deploy::failure::is_hopeless;
use crate::deploy::world::Trouble;
use crate::error::Error;

/// How long the watches may take to tell of a pod that was just made.
const APPEARS: Duration = Duration::from_secs(30);
/// How much longer than a command may take its end is waited for: the kubelet counts its time from when it has heard of it.
const MARGIN: Duration = Duration::from_secs(60);

/// How a command ended that somebody waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code.
    pub exit_code: i32,
    /// What it printed; it says so where that is not all.
    pub output: String,
}

/// Waits for the end, and for what was printed.
pub(super) async fn ended(pods: &dyn OneOffs, one_off: &OneOff) -> Result<Ended, Error> {
    let exit_code = end(pods, one_off).await?;
    let app = one_off.app();
    let output = match pods.output(app, &one_off.pod()).await {
        Ok(output) if output.is_cut => format!(
            "{}\n[only the first 1 MiB is shown: 'deis logs -a {app} --process run' has the last lines]\n",
            output.text.trim_end_matches('\n')
        ),
        Ok(output) => output.text,
        Err(error) => {
            tracing::warn!(%app, pod = one_off.pod(), %error, "what a command printed cannot be read");
            format!("Could not get logs. Pod is in state {}\n", if exit_code == 0 { "down" } else { "crashed" })
        }
    };
    Ok(Ended { exit_code, output })
}

/// Waits for the exit code.
pub(super) async fn end(pods: &dyn OneOffs, one_off: &OneOff) -> Result<i32, Error> {
    let grace = Duration::from_secs(one_off.assignment.grace_seconds_of(&ProcType::run()).into());
    let patience = one_off.assignment.patience();
    let whole = [patience, grace, MARGIN].into_iter().fold(one_off.limit, Duration::saturating_add);
    let end = deadline(whole, watch(pods, one_off, patience, false)).await;
    end.unwrap_or_else(|_late| Err(failure::of_time(one_off)))
}

/// Waits until it runs, or has ended already.
pub(super) async fn begun(pods: &dyn OneOffs, one_off: &OneOff) -> Result<(), Error> {
    watch(pods, one_off, one_off.assignment.patience(), true).await.map(drop)
}

/// Waits for the exit code; where its begin is enough, that is none.
async fn watch(pods: &dyn OneOffs, one_off: &OneOff, patience: Duration, is_enough: bool) -> Result<i32, Error> {
    let (app, pod, begin) = (one_off.app(), one_off.pod(), Instant::now());
    let mut is_known = false;
    loop {
        let Look { generation, state } = pods.look(app, &pod);
        let waited = begin.elapsed();
        let next = match &state {
            Some(State::Exited(code)) => return Ok(*code),
            Some(State::Late) => return Err(failure::of_time(one_off)),
            Some(State::Lost(words)) => return Err(failure::of_loss(one_off, words)),
            Some(State::Running) if is_enough => return Ok(0),
            Some(State::Running) => Duration::MAX,
            Some(State::Waiting(trouble)) => {
                let no_room = matches!(trouble, Some(Trouble::Unschedulable(_)));
                if is_hopeless(trouble.as_ref()) || (no_room && waited >= patience) {
                    return Err(failure::of_trouble(one_off, trouble.as_ref(), no_room.then_some(patience)));
                }
                // Until then, and from then on for as long as a large image takes.
                patience.checked_sub(waited).unwrap_or(Duration::MAX)
            }
            None if is_known => return Err(failure::of_deletion(one_off)),
            None if waited >= APPEARS => return Err(failure::of_silence(one_off)),
            None => APPEARS.saturating_sub(waited),
        };
        is_known |= state.is_some();
        // The whole wait has a limit of its own.
        pods.changed(app, generation, next.min(one_off.limit)).await;
    }
}
