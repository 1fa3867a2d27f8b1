use std::collections::BTreeSet;

use deis_api::{AppName, Code, ProcType, Username};

use crate::deploy::{Deployer, Ending, PodList};
use crate::error::{Error, Kind};
use crate::ledger::{App, Ground, Ledger, Restructured, Structure};

/// At most so many pods of a process type.
pub(super) const MOST: u32 = 10_000;

/// A scale that is recorded.
#[derive(Clone, Debug)]
pub struct Scaled {
    /// The numbers of pods that were asked for,
    asked: Structure,
    /// those of all process types that were wanted before,
    before: Structure,
    /// and since.
    after: Structure,
}

/// Records how many pods of process types are wanted.
///
/// # Errors
/// What [`check`] says.
pub async fn scale(
    ledger: &dyn Ledger,
    pods: &dyn PodList,
    deployer: &Deployer,
    user: &Username,
    app: &AppName,
    counts: Structure,
) -> Result<Scaled, Error> {
    let decide = {
        let counts = counts.clone();
        Box::new(move |ground: &Ground| {
            check(ground, &counts)?;
            Ok(counts)
        })
    };
    let Restructured { before, structure: after } = ledger.restructure(app, decide).await?;
    let before = numbers(pods, before);
    if before != after {
        let said = words(&counts);
        tracing::info!(%app, "{user} scaled pods {said}");
        deployer.events().record(app, "scale", format!("{user} scaled pods {said}"));
    }
    Ok(Scaled { asked: counts, before, after })
}

/// Waits until as many pods serve as was recorded.
///
/// # Errors
/// [`Error::Refused`] when the pods do not come up: then the old numbers hold again; and when others hold in the end than were asked for.
pub async fn scaled(ledger: &dyn Ledger, deployer: &Deployer, app: &AppName, change: &Scaled) -> Result<(), Error> {
    let Scaled { asked, before, after } = change;
    match deployer.converge(app).ended().await {
        Ok(Ending::Settled) => check_holds(ledger, app, asked).await,
        Ok(Ending::Destroyed) => Err(Error::Missing(Kind::App)),
        // Not ours to take back: a repeat of what another process may still be waiting for.
        Ok(Ending::Stuck(failure)) if before == after => {
            Err(Error::refused(Code::Unavailable, format!("(scale): {}", failure.message)))
        }
        Ok(Ending::Stuck(failure)) => {
            ledger.undo_restructure(app, before, after).await?;
            drop(deployer.converge(app));
            let message = format!("(scale): {} The old numbers hold again.", failure.message);
            deployer.events().record(app, "scale", format!("{message} ({})", failure.code));
            Err(Error::refused(Code::Unavailable, message))
        }
        Err(error) => Err(Error::refused(Code::Unavailable, format!("(scale): {error}"))),
    }
}

/// What is settled need not be what was asked for: while a repeat waits, the first may have failed, which takes its numbers back.
async fn check_holds(ledger: &dyn Ledger, app: &AppName, asked: &Structure) -> Result<(), Error> {
    let now = ledger.app(app).await?.ok_or(Error::Missing(Kind::App))?.structure;
    let now = asked.keys().map(|kind| (kind.clone(), now.get(kind).copied().unwrap_or(0))).collect();
    if *asked == now {
        return Ok(());
    }
    let message = format!(
        "(scale): {} was asked for, but {} holds: the pods did not come up, or somebody has scaled since. 'deis logs -a {app}' \
         says which.",
        words(asked),
        words(&now)
    );
    Err(Error::refused(Code::Unavailable, message))
}

fn words(counts: &Structure) -> String {
    counts.iter().map(|(kind, count)| format!("{kind}={count}")).collect::<Vec<_>>().join(" ")
}

/// The numbers that an app had: as many as were asked for, or as an autoscaler has set.
fn numbers(pods: &dyn PodList, app: App) -> Structure {
    let mut structure = app.structure;
    if !app.autoscaled.is_empty() {
        let world = pods.world(&app.id, None, &BTreeSet::new());
        let live = app.autoscaled.iter().filter_map(|(kind, release)| world.controller(*release, kind));
        structure.extend(live.map(|controller| (controller.proc_type.clone(), controller.replicas)));
    }
    structure
}

/// Whether an app can have so many pods.
fn check(ground: &Ground, counts: &Structure) -> Result<(), Error> {
    let Some(build) = &ground.build else {
        return Err(Error::refused(Code::FailedPrecondition, "No build associated with this release"));
    };
    let procfile = &build.procfile;
    if counts.is_empty() {
        let message = "Invalid scaling format: name the process types to scale, such as {\"web\": 2}";
        return Err(Error::refused(Code::InvalidArgument, message));
    }
    for (kind, count) in counts {
        if (!procfile.contains_key(kind) && *kind != ProcType::cmd()) || kind.is_reserved() {
            let message = format!("Container type {kind} does not exist in application");
            return Err(Error::refused(Code::NotFound, message));
        }
        if *count > MOST {
            let message = format!("Invalid scaling format: at most {MOST} pods of {kind} are possible");
            return Err(Error::refused(Code::InvalidArgument, message));
        }
        let rule = ground.app.settings.autoscale.get(kind).filter(|_| *count > 0);
        if let Some(rule) = rule.filter(|rule| !(rule.min..=rule.max).contains(count)) {
            let message = format!(
                "{kind} is scaled by its load, between {} and {} pods: name a number within that for it to go on from, 0 for none, or \
                 change the rule (deis autoscale:set, deis autoscale:unset).",
                rule.min, rule.max
            );
            return Err(Error::refused(Code::FailedPrecondition, message));
        }
    }
    Ok(())
}
