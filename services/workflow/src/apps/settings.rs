use std::collections::{BTreeMap, BTreeSet};

use deis_api::rest::Autoscale;
use deis_api::{AppName, Code, ProcType, Username, settings};
use deis_kube::names;
use deis_kube::objects::Rules;
use deis_kube::paths::PathPattern;

use super::scale::MOST;
use super::tell;
use crate::configs::{Difference, merge};
use crate::deploy::Deployer;
use crate::error::{Error, Kind};
use crate::ledger::{App, AppSettings, Autoscales, Ground, Labels, Ledger};

/// What is said to fewer than one.
pub const TOO_FEW: &str = "min replicas needs to be 1 or higher";
/// The longest text of an address or network, in bytes.
const MAX_ADDRESS: usize = 50;
/// The most addresses and networks, so that the app's Service has room for them.
const MOST_ADDRESSES: usize = 1000;
/// The most process types that have paths of one app: the routers ask one after the other.
const MOST_SERVICES: usize = 20;
/// The longest name of a Service in Kubernetes, in bytes.
const MAX_SERVICE_NAME: usize = 63;
/// The largest labels of an app, keys and values together, in bytes.
const MAX_LABELS: usize = 64 * 1024;

/// A change of an app's settings: what is not named stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SettingsPatch {
    /// Whether the routers answer 503 in its stead.
    pub maintenance: Option<bool>,
    /// Whether the routers serve it.
    pub routable: Option<bool>,
    /// Who may call.
    pub whitelist: Option<Addresses>,
    /// Whether plain requests are sent to https.
    pub https_enforced: Option<bool>,
    /// A process type with a pattern of paths gets these, one without loses its own.
    pub services: BTreeMap<ProcType, Option<PathPattern>>,
    /// A process type with a rule gets it, one without loses its own.
    pub autoscale: BTreeMap<ProcType, Option<Autoscale>>,
    /// A key with a value gets it, one without is taken away.
    pub labels: BTreeMap<String, Option<String>>,
}

/// A change of who may call an app.
#[derive(Clone, Debug)]
pub enum Addresses {
    /// Those and nobody else; everybody if there are none.
    Only(BTreeSet<String>),
    /// Those as well.
    Add(BTreeSet<String>),
    /// Not those any more.
    Remove(BTreeSet<String>),
}

/// Reads what may stand in a whitelist: addresses and networks, kept as they were written.
///
/// # Errors
/// The sentence about the first that is none.
pub fn addresses(texts: Vec<String>) -> Result<BTreeSet<String>, String> {
    let read = |text: String| {
        let text = text.trim().to_owned();
        let is_valid = text.len() <= MAX_ADDRESS && settings::network(&text).is_some();
        if is_valid { Ok(text) } else { Err(format!("The address {text} is not valid")) }
    };
    texts.into_iter().map(read).collect()
}

/// Changes what makes no release.
///
/// A process type without a rule any more keeps the number of pods that it has.
///
/// # Errors
/// [`Error::Field`] for what cannot be, [`Error::Refused`] for taking away what is not there and for a change of nothing.
pub async fn change_settings(
    ledger: &dyn Ledger,
    deployer: &Deployer,
    user: &Username,
    app: &AppName,
    patch: SettingsPatch,
) -> Result<App, Error> {
    let mut words = String::new();
    let decide = |ground: &Ground| {
        ground.app.check_stays()?;
        let before = &ground.app.settings;
        let after = changed(&ground.app.id, before, patch)?;
        words = difference(before, &after);
        if words.is_empty() {
            return Err(Error::refused(Code::NothingChanged, format!("{user} changed nothing")));
        }
        Ok(after)
    };
    let app = ledger.set_settings(app, Box::new(decide)).await?;
    tell(deployer, &app.id, "settings", &format!("{user} {words}")).await;
    Ok(app)
}

fn changed(app: &AppName, before: &AppSettings, patch: SettingsPatch) -> Result<AppSettings, Error> {
    let Rules { routable, maintenance, whitelist, https_enforced, services } = before.rules.clone();
    let rules = Rules {
        routable: patch.routable.unwrap_or(routable),
        maintenance: patch.maintenance.or(maintenance),
        whitelist: match patch.whitelist {
            Some(change) => Some(admitted(whitelist.unwrap_or_default(), change)?),
            None => whitelist,
        },
        https_enforced: patch.https_enforced.or(https_enforced),
        services: with_paths(app, services, patch.services)?,
    };
    Ok(AppSettings {
        rules,
        autoscale: scaled(&before.autoscale, patch.autoscale)?,
        labels: labelled(&before.labels, patch.labels)?,
    })
}

fn with_paths(
    app: &AppName,
    mut services: BTreeMap<ProcType, String>,
    patch: BTreeMap<ProcType, Option<PathPattern>>,
) -> Result<BTreeMap<ProcType, String>, Error> {
    let refused = |message: String| Err(Error::field("procfile_type", message));
    for (kind, pattern) in patch {
        let Some(pattern) = pattern else {
            services.remove(&kind).ok_or(Error::Missing(Kind::Service))?;
            continue;
        };
        if kind.is_reserved() {
            return refused(format!("{kind} is none of an app's processes"));
        }
        let name = names::of_type(app, &kind);
        if name.len() > MAX_SERVICE_NAME {
            return refused(format!(
                "{name} would be the name of its Service, which can have {MAX_SERVICE_NAME} characters at most"
            ));
        }
        services.insert(kind, pattern.to_string());
    }
    if services.len() > MOST_SERVICES {
        return refused(format!("An app can have {MOST_SERVICES} services at most"));
    }
    Ok(services)
}

fn admitted(before: BTreeSet<String>, change: Addresses) -> Result<BTreeSet<String>, Error> {
    let after = match change {
        Addresses::Only(addresses) => addresses,
        Addresses::Add(addresses) => &before | &addresses,
        Addresses::Remove(addresses) => {
            let unknown = addresses.difference(&before).map(|address| format!("'{address}'")).collect::<Vec<_>>();
            if !unknown.is_empty() {
                let message = format!("addresses {{{}}} does not exist in whitelist", unknown.join(", "));
                return Err(Error::refused(Code::NotSet, message));
            }
            &before - &addresses
        }
    };
    if after.len() > MOST_ADDRESSES {
        return Err(Error::List(format!("A whitelist can have {MOST_ADDRESSES} addresses at most: name networks.")));
    }
    Ok(after)
}

fn labelled(before: &Labels, patch: BTreeMap<String, Option<String>>) -> Result<Labels, Error> {
    let after = merge("label", before, patch)?;
    if after.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_LABELS {
        return Err(Error::field("label", "The labels of an app can have 64 KiB at most."));
    }
    Ok(after)
}

/// What is different, in the words of the app's log; empty when nothing is.
fn difference(before: &AppSettings, after: &AppSettings) -> String {
    let (was, is) = (&before.rules, &after.rules);
    let switched = |what: &str, was: Option<bool>, is: Option<bool>| {
        (was != is).then(|| format!("turned {what} {}", if is == Some(true) { "on" } else { "off" }))
    };
    let entries = |addresses: &Option<BTreeSet<String>>| {
        let addresses = addresses.iter().flatten();
        addresses.map(|address| (address.clone(), ())).collect::<BTreeMap<_, _>>()
    };
    let whitelist = Difference::between(&entries(&was.whitelist), &entries(&is.whitelist), PartialEq::eq);
    let services = Difference::between(&was.services, &is.services, PartialEq::eq);
    let autoscale = Difference::between(&before.autoscale, &after.autoscale, PartialEq::eq);
    let labels = Difference::between(&before.labels, &after.labels, PartialEq::eq);
    let named = |difference: Difference, what: &str| Some(difference.words(what)).filter(|words| !words.is_empty());
    let parts = [
        switched("maintenance", was.maintenance.or(Some(false)), is.maintenance.or(Some(false))),
        switched("routing", Some(was.routable), Some(is.routable)),
        switched("https-only requests", was.https_enforced, is.https_enforced),
        named(whitelist, "whitelist address "),
        named(services, "paths for proc type "),
        named(autoscale, "autoscale for proc type "),
        named(labels, "label "),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn scaled(before: &Autoscales, patch: BTreeMap<ProcType, Option<Autoscale>>) -> Result<Autoscales, Error> {
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
            scaled(&before, patch).map_err(|error| format!("{}: {error}", error.code()))
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
