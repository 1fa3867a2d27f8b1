//! The conversation with a build pod, from our side.

use std::path::{Path, PathBuf};

use deis_api::{Code, ConfigKey, ProcType};
use deis_bootstrap::Tasks;
use deis_proto::builder::builder_message::{Accepted, Message as ToPod, Refused};
use deis_proto::builder::pod_message::Message;
use deis_proto::builder::{BuildFailure, BuildResult, BuildSpec, BuilderMessage, PodMessage};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc::Sender;

use super::cached::{self, Saving};
use super::layers::{Checked, Intake};
use super::{Order, source};
use crate::Error;
use crate::cache::{Change, Entry};
use crate::config::Limits;
use crate::hook::Lines;

/// A pod that has come with its token.
pub(crate) struct Arrival {
    /// Ends, with or without an error, when the pod is gone.
    pub(crate) incoming: BoxStream<'static, PodMessage>,
    pub(crate) outgoing: Sender<BuilderMessage>,
}

/// What a conversation is about.
pub(super) struct Conversation<'a> {
    pub(super) order: &'a Order,
    /// What an earlier build has cached.
    pub(super) cache: Vec<(Entry, PathBuf)>,
    /// 0 when nothing is cached.
    pub(super) max_cache_bytes: u64,
    pub(super) spool: &'a Path,
    pub(super) limits: &'a Limits,
    pub(super) tasks: &'a Tasks,
    pub(super) lines: &'a Lines,
}

/// All that a pod has sent. The pod waits for our verdict.
pub(super) struct Received {
    pub(super) layers: Vec<Checked>,
    pub(super) result: BuildResult,
    /// What is to be cached, or why nothing is.
    cache: Result<Vec<Change>, String>,
    outgoing: Sender<BuilderMessage>,
}

type Taken = (Vec<Checked>, BuildResult, Result<Vec<Change>, String>);

impl Conversation<'_> {
    /// Sends specification and source, takes lines, layers and the result. What we do not accept, the pod is told.
    pub(super) async fn hold(&self, arrival: Arrival) -> Result<Received, Error> {
        let Arrival { incoming, outgoing } = arrival;
        let give = async {
            source::tell(&outgoing, ToPod::Spec(self.specification())).await;
            source::send(self.order, self.limits.max_source_bytes, &outgoing, self.lines).await?;
            cached::send(&self.cache, &outgoing).await;
            // The rest is the pod's.
            std::future::pending().await
        };
        let taken: Result<_, Error> = tokio::select! {
            taken = self.take(incoming) => taken,
            failed = give => failed,
        };
        match taken {
            Ok((layers, result, cache)) => Ok(Received { layers, result, cache, outgoing }),
            Err(error) => {
                if !matches!(error, Error::Build { .. }) {
                    let (code, message) = (error.code().to_string(), error.to_string());
                    source::tell(&outgoing, ToPod::Refused(Refused { code, message })).await;
                }
                Err(error)
            }
        }
    }

    fn specification(&self) -> BuildSpec {
        let environment = self.order.environment.iter();
        BuildSpec {
            app: self.order.app.to_string(),
            sha: self.order.sha.to_string(),
            environment: environment.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect(),
            max_image_bytes: i64::try_from(self.limits.max_image_bytes).unwrap_or(i64::MAX),
            max_cache_bytes: i64::try_from(self.max_cache_bytes).unwrap_or(i64::MAX),
        }
    }

    async fn take(&self, mut incoming: BoxStream<'static, PodMessage>) -> Result<Taken, Error> {
        let mut intake = Intake::new(self.spool, self.limits.max_image_bytes, self.tasks);
        let mut saving = Saving::new(self.spool, self.max_cache_bytes);
        while let Some(message) = incoming.next().await {
            let message = message.message.ok_or(Error::Protocol("an empty message"))?;
            let Some(message) = saving.take(message).await else { continue };
            match message {
                Message::Started(started) => {
                    tracing::info!(lifecycle = started.lifecycle_version, "the build pod is there");
                }
                Message::LogLine(line) => self.lines.say(line).await,
                Message::LayerStart(start) => intake.start(start.name).await?,
                Message::LayerChunk(bytes) => intake.chunk(&bytes).await?,
                Message::LayerEnd(end) => intake.end(end).await?,
                Message::Result(result) if intake.is_whole() => {
                    return Ok((intake.layers, check(result)?, saving.finish()));
                }
                Message::Result(_) => return Err(Error::Protocol("a result without layers")),
                Message::Failure(failure) => return Err(failed(failure)),
                // What is left is the cache's, and was taken.
                _ => {}
            }
        }
        Err(Error::Protocol("it hung up"))
    }
}

impl Received {
    /// Variables for the image's environment.
    pub(super) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut environment = self.result.environment.iter().collect::<Vec<_>>();
        environment.sort();
        environment.into_iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Takes out what is to be cached.
    pub(super) fn take_cache(&mut self) -> Result<Vec<Change>, String> {
        std::mem::replace(&mut self.cache, Ok(Vec::new()))
    }

    /// Tells the pod that its work is done.
    pub(super) async fn accept(&self) {
        source::tell(&self.outgoing, ToPod::Accepted(Accepted {})).await;
    }
}

/// What is passed on to the controller and into the image's config was made in a tenant's pod.
fn check(result: BuildResult) -> Result<BuildResult, Error> {
    // The release phase's command comes with the processes; workflow runs it.
    let is_fine = |name: ProcType| !name.is_reserved() || name.as_str() == "release";
    let types_are_fine = result.processes.keys().all(|name| name.parse().is_ok_and(is_fine));
    let names_are_fine = result.environment.keys().all(|name| name.parse::<ConfigKey>().is_ok());
    let commands = result.processes.values().map(String::len).sum::<usize>();
    let values = result.environment.values().map(String::len).sum::<usize>();
    let labels = result.buildpacks.iter().map(String::len).sum::<usize>() + result.detected.len();
    if !types_are_fine || !names_are_fine {
        return Err(Error::Protocol("a name that is not one"));
    }
    if commands.max(values).max(labels) > 64 * 1024 {
        return Err(Error::Protocol("a result that is too long"));
    }
    Ok(result)
}

fn failed(failure: BuildFailure) -> Error {
    let code = failure.code.parse().unwrap_or(Code::BuildFailed);
    let message = failure.message.chars().take(2000).collect();
    Error::Build { code, message }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn results_are_checked_before_they_are_passed_on() {
        let pair = |name: &str, value: &str| HashMap::from([(name.to_owned(), value.to_owned())]);
        let with = |processes, environment| BuildResult { processes, environment, ..BuildResult::default() };
        assert!(check(with(pair("web", "serve"), pair("LANG", "C"))).is_ok());
        for result in [
            with(pair("Web", "serve"), HashMap::new()),
            with(pair("run", "serve"), HashMap::new()),
            with(HashMap::new(), pair("A=B", "")),
            with(pair("web", &"x".repeat(70_000)), HashMap::new()),
        ] {
            assert!(check(result).is_err());
        }
    }
}
