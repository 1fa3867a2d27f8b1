//! Hands an image to the controller and follows its deploy.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use deis_api::{Code, ReleaseVersion};
use futures_util::StreamExt as _;

use crate::Error;
use crate::hook::Lines;
use crate::ports::{Controller, DeployEvent, NewBuild};

/// Asks until the controller has said how the deploy ended. It may restart meanwhile: a repeat of the same request joins the
/// first and replays its events.
pub(super) async fn deploy(
    controller: &dyn Controller,
    build: &NewBuild,
    lines: &Lines,
) -> Result<ReleaseVersion, Error> {
    // Two minutes or so: longer than a rollout of the controller itself takes.
    let delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(18)
        .with_jitter();
    let seen = AtomicUsize::new(0);
    (|| follow(controller, build, &seen, lines))
        .retry(delays)
        .when(|error| error.code() == Code::Unavailable)
        .notify(|_, _| lines.mention("The controller is restarting; waiting for it."))
        .await
}

/// Follows one call. `seen` events were shown already, by calls that broke.
async fn follow(
    controller: &dyn Controller,
    build: &NewBuild,
    seen: &AtomicUsize,
    lines: &Lines,
) -> Result<ReleaseVersion, Error> {
    let mut events = controller.create_build(build.clone()).await?;
    let mut number = 0;
    while let Some(event) = events.next().await {
        let event = event?;
        number += 1;
        let is_new = seen.fetch_max(number, Ordering::Relaxed) < number;
        match event {
            DeployEvent::ReleaseCreated(version) => tracing::info!(%version, "released"),
            DeployEvent::Step(text) if is_new => lines.say(format!("       {text}")).await,
            DeployEvent::Step(_) => {}
            DeployEvent::Deployed(version) => return Ok(version),
            DeployEvent::Failed { code, message, log_tail } => {
                for line in log_tail {
                    lines.say(format!("       {line}")).await;
                }
                return Err(Error::Deploy { code, message });
            }
        }
    }
    // Without a last event the call has broken.
    Err(Error::ControllerUnreachable)
}
