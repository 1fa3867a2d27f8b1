use std::collections::BTreeSet;

use deis_api::{AppName, Code, ProcType, Username};

use crate::deploy::world::Served;
use crate::deploy::{Deployer, Ending, PodList};
use crate::error::{Error, Kind};
use crate::ledger::{App, Ground, Ledger, Structure};

/// At most so many pods of a process type.
pub(super) const MOST: u32 = 10_000;

/// A scale that is recorded.
#[derive(Clone, Debug)]
pub struct Scaled {
    /// The numbers of pods that were asked for,
    asked: Structure,
    /// and those of the same process types that were wanted before; one that had none is not in it.
    before: Structure,
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
    asked: Structure,
) -> Result<Scaled, Error> {
    let mut before = Structure::new();
    let decide = |ground: &Ground| {
        check(ground, &asked)?;
        before = numbers(pods, &ground.app, &asked);
        Ok(asked.clone())
    };
    ledger.restructure(app, Box::new(decide)).await?;
    if before != asked {
        let said = words(&asked);
        tracing::info!(%app, "{user} scaled pods {said}");
        deployer.events().record(app, "scale", format!("{user} scaled pods {said}"));
    }
    Ok(Scaled { asked, before })
}

/// Waits until as many pods serve as was recorded.
///
/// # Errors
/// [`Error::Refused`] when the pods do not come up: then the old numbers hold again, unless somebody has scaled since; and when others
/// hold in the end than were asked for.
pub async fn scaled(ledger: &dyn Ledger, deployer: &Deployer, app: &AppName, change: &Scaled) -> Result<(), Error> {
    let Scaled { asked, before } = change;
    match deployer.converge(app).ended().await {
        Ok(Ending::Settled) => check_holds(ledger, app, asked).await,
        Ok(Ending::Destroyed) => Err(Error::Missing(Kind::App)),
        // Not ours to take back: a repeat of what another process may still be waiting for.
        Ok(Ending::Stuck(failure)) if before == asked => {
            Err(Error::refused(Code::Unavailable, format!("(scale): {}", failure.message)))
        }
        Ok(Ending::Stuck(failure)) => {
            let undone = ledger.undo_restructure(app, before, asked).await?;
            drop(deployer.converge(app));
            let message = format!("(scale): {} {}", failure.message, holding(asked, before, &undone));
            deployer.events().record(app, "scale", format!("{message} ({})", failure.code));
            Err(Error::refused(Code::Unavailable, message))
        }
        Err(error) => Err(Error::refused(Code::Unavailable, format!("(scale): {error}"))),
    }
}

/// Which numbers hold after those that were asked for were taken back from these process types.
fn holding(asked: &Structure, before: &Structure, undone: &BTreeSet<ProcType>) -> String {
    let kept = asked.keys().filter(|kind| !undone.contains(*kind)).map(ToString::to_string).collect::<Vec<_>>();
    if kept.is_empty() {
        return "The old numbers hold again.".to_owned();
    }
    let since = format!("has scaled {} since, and that holds.", kept.join(" and "));
    if undone.is_empty() {
        return format!("Somebody {since}");
    }
    let old = undone.iter().map(|kind| (kind.clone(), before.get(kind).copied().unwrap_or(0))).collect();
    format!("It is {} again; somebody {since}", words(&old))
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

/// The numbers that the `asked` process types of an app have: as many as were asked for before, or as an autoscaler has set.
fn numbers(pods: &dyn PodList, app: &App, asked: &Structure) -> Structure {
    let recorded = asked.keys().filter_map(|kind| Some((kind.clone(), *app.structure.get(kind)?)));
    let mut numbers = recorded.collect::<Structure>();
    let autoscaled = app.autoscaled.iter().filter(|(kind, _)| asked.contains_key(*kind)).collect::<Vec<_>>();
    if !autoscaled.is_empty() {
        let world = pods.world(&app.id, &Served::default(), &BTreeSet::new());
        let live = autoscaled.into_iter().filter_map(|(kind, release)| world.controller(*release, kind));
        numbers.extend(live.map(|controller| (controller.proc_type.clone(), controller.replicas)));
    }
    numbers
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
