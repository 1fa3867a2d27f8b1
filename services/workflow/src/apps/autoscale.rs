use std::collections::BTreeMap;

use deis_api::rest::Autoscale;
use deis_api::{AppName, Code, ProcType, Username};

use super::scale::MOST;
use super::tell;
use crate::configs::{Difference, merge};
use crate::deploy::Deployer;
use crate::error::Error;
use crate::ledger::{App, Autoscales, Ground, Ledger};

/// What is said to fewer than one.
pub const TOO_FEW: &str = "min replicas needs to be 1 or higher";

/// A change of how an app is scaled: a process type with a rule gets it, one without loses its own, the others stay.
pub type AutoscalePatch = BTreeMap<ProcType, Option<Autoscale>>;

/// Changes how an app's process types are scaled, which makes no release.
///
/// A process type without a rule any more keeps the number of pods that it has.
///
/// # Errors
/// [`Error::Field`] for a rule that cannot be, [`Error::Refused`] for unsetting what is not set and for a change of nothing.
pub async fn autoscale(
    ledger: &dyn Ledger,
    deployer: &Deployer,
    user: &Username,
    app: &AppName,
    patch: AutoscalePatch,
) -> Result<App, Error> {
    let mut words = String::new();
    let decide = |ground: &Ground| {
        ground.app.check_stays()?;
        let after = merged(&ground.app.autoscale, patch)?;
        let difference = Difference::between(&ground.app.autoscale, &after, PartialEq::eq);
        if difference.is_empty() {
            return Err(Error::refused(Code::NothingChanged, format!("{user} changed nothing")));
        }
        words = difference.words("autoscale for proc type ");
        Ok(after)
    };
    let app = ledger.rescale(app, Box::new(decide)).await?;
    tell(deployer, &app.id, "autoscale", &format!("{user} {words}")).await;
    Ok(app)
}

fn merged(before: &Autoscales, patch: AutoscalePatch) -> Result<Autoscales, Error> {
    let refused = |message: String| Err(Error::field("autoscale", message));
    for (kind, rule) in &patch {
        let Some(Autoscale { min, max, cpu_percent }) = rule else { continue };
        if kind.is_reserved() {
            return refused(format!("{kind} is none of an app's processes"));
        }
        if *min < 1 {
            return refused(TOO_FEW.to_owned());
        }
        if max < min {
            return refused("max replicas can not be smaller than min replicas".to_owned());
        }
        if *max > MOST {
            return refused(format!("max replicas can not be more than {MOST}"));
        }
        if !(1..=10_000).contains(cpu_percent) {
            return refused("cpu_percent needs to be between 1 and 10000".to_owned());
        }
    }
    merge("autoscale", before, patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_set_and_unset_by_process_type() {
        let kind = |kind: &str| kind.parse::<ProcType>().unwrap();
        let rule = |min, max, cpu_percent| Some(Autoscale { min, max, cpu_percent });
        let before = Autoscales::from([(kind("web"), rule(2, 8, 75).unwrap())]);
        let change = |patch: &[(&str, Option<Autoscale>)]| {
            let patch = patch.iter().map(|(name, rule)| (kind(name), *rule)).collect();
            merged(&before, patch).map_err(|error| format!("{}: {error}", error.code()))
        };
        let all = change(&[("web", rule(1, 1, 1)), ("worker", rule(1, MOST, 10_000))]).unwrap();
        assert_eq!(
            all,
            [(kind("web"), rule(1, 1, 1).unwrap()), (kind("worker"), rule(1, MOST, 10_000).unwrap())].into()
        );
        assert_eq!(change(&[("web", None)]), Ok(Autoscales::new()));
        insta::assert_yaml_snapshot!(
            [
                change(&[("worker", None)]),
                change(&[("web", rule(0, 8, 75))]),
                change(&[("web", rule(2, 1, 75))]),
                change(&[("web", rule(2, MOST + 1, 75))]),
                change(&[("web", rule(2, 8, 0))]),
                change(&[("run", rule(2, 8, 75))]),
            ]
            .map(Result::unwrap_err)
        );
    }
}
