use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;

use backon::{ExponentialBuilder, Retryable as _};
use deis_cli::{Failure, Ui};
use kube::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::health::{last_words, until_well};
use super::release::{Aftermath, End, History};
use super::text;
use crate::cluster::ClusterArgs;
use crate::commands::install::HelmArgs;
use crate::exec::ExecError;

/// An upgrade that was planned and is to be done. From its beginning to its end nothing that cannot be written stops it: nobody may
/// read our output any more, and somebody has to bring the platform back all the same.
pub(crate) struct Upgrade<'a> {
    pub(crate) helm: &'a HelmArgs,
    pub(crate) client: &'a Client,
    pub(crate) cluster: &'a ClusterArgs,
    /// As helm writes it.
    pub(crate) timeout: String,
    /// The revision that runs, and its version.
    pub(crate) from: (u32, String),
    /// The version that is asked for.
    pub(crate) to: String,
    /// The newest revision.
    pub(crate) newest: u32,
}

/// How a look at the platform's health ended.
enum Health {
    Well,
    Ill(String),
    /// By Ctrl-C.
    Unasked,
}

impl Upgrade<'_> {
    /// Runs helm with these arguments, asks whether all is well, and goes back if it is not.
    pub(crate) async fn run(self, upgrade: Vec<OsString>, ui: &mut Ui) -> Result<(), Failure> {
        // From here on Ctrl-C ends helm, which shares our terminal, and not us.
        let mut interrupts = signal(SignalKind::interrupt())?;
        let (revision, version) = &self.from;
        let (end, why) = match self.helm.read(upgrade, self.cluster).await {
            Ok(said) => {
                unread(ui.text(said));
                match self.health(&mut interrupts, ui).await {
                    Health::Well if *version == self.to => {
                        return Ok(ui.line(format_args!(
                            "The platform is of {version} as before, with its values as asked."
                        ))?);
                    }
                    Health::Well => {
                        return Ok(ui.line(format_args!("The platform went from {version} to {}.", self.to))?);
                    }
                    Health::Unasked => {
                        return Err(Failure::interrupted(format!(
                            "the upgrade to {} is done and stays; its parts go on getting ready, and nobody waits to go back",
                            self.to
                        ))
                        .hint("`deisctl status` says how each part does.")
                        .hint(format!("To go back: {}", self.way_back())));
                    }
                    Health::Ill(why) => (End::Done, why),
                }
            }
            Err(failure) => (how_it_ended(&failure), failure.summary()),
        };
        let interrupted = futures_util::FutureExt::now_or_never(interrupts.recv()).is_some();
        let history = (|| History::read(self.helm, self.cluster)).retry(ExponentialBuilder::default());
        let history = history.await.map_err(|failure| {
            Failure::new(format!(
                "the upgrade failed ({why}), and helm does not tell what it left: {}",
                failure.summary()
            ))
            .hint(format!(
                "When it does (helm history {}), go back: {}",
                self.helm.release,
                self.way_back()
            ))
        })?;
        let failed = |rest: String| {
            if interrupted {
                Failure::interrupted(format!("the upgrade was stopped; {rest}"))
            } else {
                Failure::new(format!("the upgrade failed ({why}); {rest}"))
            }
        };
        match history.aftermath(self.newest, end) {
            Aftermath::Ours => {}
            Aftermath::Nothing => {
                return Err(failed(format!("nothing was changed, revision {revision} runs as before")));
            }
            Aftermath::Theirs(theirs) => {
                let (theirs, status) = (theirs.revision, &theirs.status);
                return Err(failed(format!("revision {theirs} is somebody else's ({status}) and was left alone"))
                    .hint(format!("Agree with them; `helm history {}` shows what was done.", self.helm.release)));
            }
        }
        self.go_back(&why, failed, &mut interrupts, ui).await
    }

    /// The way back, after everything has been said that is lost by it.
    async fn go_back(
        &self,
        why: &str,
        failed: impl Fn(String) -> Failure,
        interrupts: &mut Signal,
        ui: &mut Ui,
    ) -> Result<(), Failure> {
        let (revision, version) = &self.from;
        for line in last_words(self.client, &self.cluster.namespace).await {
            unread(ui.warn(line));
        }
        unread(ui.warn(format_args!("The upgrade failed ({why}); going back to revision {revision}.")));
        let release = &self.helm.release;
        let rollback = text(&["rollback", release, &revision.to_string(), "--wait", "--timeout", &self.timeout]);
        match self.helm.read(rollback, self.cluster).await {
            Ok(said) => unread(ui.text(said)),
            Err(failure) => {
                return Err(Failure::new(format!(
                    "the upgrade failed ({why}), and so did the way back ({})",
                    failure.summary()
                ))
                .hint(format!("The platform is between {version} and {}; `deisctl status` says what serves.", self.to))
                .hint(format!("Try again to go back: {}", self.way_back())));
            }
        }
        let migrated = if *version == self.to {
            ""
        } else {
            " Migrations of the ledger stay; each is made to suit the version before."
        };
        let failure = failed(format!("the platform is back at revision {revision}, version {version}.{migrated}"));
        Err(match self.health(interrupts, ui).await {
            Health::Well => failure.hint("All parts and the API are well."),
            Health::Ill(ill) => failure.hint(format!("It is not well yet, {ill}; `deisctl doctor` says more.")),
            Health::Unasked => failure.hint("Its parts go on getting ready; `deisctl status` says how each does."),
        })
    }

    /// Asks until all is well, for as long as the person waits.
    async fn health(&self, interrupts: &mut Signal, ui: &mut Ui) -> Health {
        let progress = ui.progress("Asking every part and the API... ").ok();
        let health = tokio::select! {
            asked = until_well(self.client, &self.cluster.namespace) => asked.map_or_else(Health::Ill, |()| Health::Well),
            _ = interrupts.recv() => Health::Unasked,
        };
        if let (Some(progress), Health::Well) = (progress, &health) {
            unread(progress.done("all are well"));
        }
        health
    }

    /// For a person to type.
    fn way_back(&self) -> String {
        format!("helm rollback {} {} --wait --namespace {}", self.helm.release, self.from.0, self.cluster.namespace)
    }
}

/// Nobody reads it: no reason to leave the platform half-way.
fn unread(said: io::Result<()>) {
    drop(said);
}

fn how_it_ended(failure: &Failure) -> End {
    let signal = match failure.cause::<ExecError>() {
        Some(ExecError::Failed { status, .. } | ExecError::Told { status, .. }) => status.signal(),
        _ => None,
    };
    if signal.is_some() { End::Killed } else { End::Failed }
}
