use std::collections::BTreeMap;
use std::time::Instant;

use clap::Args;
use deis_api::rest::{Pod, PodList};
use deis_cli::Failure;

use crate::api::Refused;
use crate::app::{AppSession, ChangeArgs};
use crate::context::Context;

/// Replace an app's processes by new ones of the same release
#[derive(Debug, Args)]
pub struct Restart {
    /// A process type, ex: web; or one process by its name; else all
    #[arg(value_name = "type")]
    target: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Restart {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app_to_change(&self.change)?;
        let target = match self.target {
            Some(target) => Some(Target::find(&session, target).await?),
            None => None,
        };
        context.ui.line(format_args!("Restarting processes... but first, {}!", context.environment.drink))?;
        let start = Instant::now();
        let progress = context.ui.progress("")?;
        let pods = restart(&session, target.as_ref()).await?;
        if pods.is_empty() {
            return Ok(progress.done("Could not find any processes to restart")?);
        }
        progress.done(session.done(format_args!("done in {}s", start.elapsed().as_secs()), session.look()))?;
        if !session.waits() {
            return Ok(());
        }
        Ok(super::show(&mut context.ui, session.app.as_str(), &pods)?)
    }
}

struct Target {
    kind: String,
    /// One process of that type.
    pod: Option<String>,
}

impl Target {
    /// Types may have hyphens and names always do: what is a process's name is known from the list alone.
    async fn find(session: &AppSession, word: String) -> Result<Self, Failure> {
        if !word.contains('-') {
            return Ok(Self { kind: word, pod: None });
        }
        let pods = session.get::<PodList>(&["pods", ""]).await?.results;
        let full = format!("{}-{word}", session.app);
        Ok(match pods.into_iter().find(|pod| pod.name == word || pod.name == full) {
            Some(pod) => Self { kind: pod.kind, pod: Some(pod.name) },
            None => Self { kind: word, pod: None },
        })
    }
}

async fn restart(session: &AppSession, target: Option<&Target>) -> Result<Vec<Pod>, Failure> {
    let path = match target {
        None => vec!["pods", "restart", ""],
        Some(Target { kind, pod: None }) => vec!["pods", kind, "restart", ""],
        Some(Target { kind, pod: Some(pod) }) => vec!["pods", kind, pod, "restart", ""],
    };
    let goes_on = format!("The restart of {} goes on without you; {}.", session.app, session.look());
    let answer = session.change(&path, &BTreeMap::<String, String>::new(), &goes_on).await;
    answer.map_err(|failure| match (failure.cause::<Refused>(), target) {
        (Some(refused), Some(Target { kind, .. })) if refused.is_unknown_process() => {
            Failure::new(format!("Could not find process type {kind} in app {}", session.app))
                .hint(format!("'deis ps -a {}' lists what runs.", session.app))
        }
        _ => failure,
    })
}
