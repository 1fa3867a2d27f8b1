//! What buildpacks provide and require, and which of them go together (Buildpack specification, "Phase #1: Detection").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Combinations of alternatives that are tried before a group is given up.
const MAX_COMBINATIONS: usize = 10_000;

/// The file that `bin/detect` writes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildPlan {
    #[serde(default)]
    provides: Vec<Provide>,
    #[serde(default)]
    requires: Vec<Entry>,
    #[serde(default)]
    or: Vec<Alternative>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alternative {
    #[serde(default)]
    provides: Vec<Provide>,
    #[serde(default)]
    requires: Vec<Entry>,
}

#[derive(Clone, Debug, Deserialize)]
struct Provide {
    name: String,
}

/// Something required, with what the requiring buildpack says about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub(crate) metadata: toml::Table,
}

impl BuildPlan {
    fn alternatives(self) -> Vec<Alternative> {
        let mut alternatives = vec![Alternative { provides: self.provides, requires: self.requires }];
        alternatives.extend(self.or);
        alternatives
    }
}

/// The buildpacks that take part, and what each of them has to provide.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Resolution {
    /// Indexes into the group, ascending.
    pub(crate) members: Vec<usize>,
    dependencies: BTreeMap<String, Dependency>,
}

#[derive(Debug, Default, PartialEq)]
struct Dependency {
    providers: Vec<usize>,
    /// Providers that nobody has asked yet.
    idle: Vec<usize>,
    entries: Vec<Entry>,
    met: bool,
}

impl Resolution {
    /// What a member is asked for at its turn: everything that it provides and nobody before it has.
    pub(crate) fn entries(&self, member: usize) -> Vec<Entry> {
        let asked =
            self.dependencies.values().filter(|dependency| !dependency.met && dependency.providers.contains(&member));
        asked.flat_map(|dependency| dependency.entries.clone()).collect()
    }

    /// Notes what a member has provided: all that it was asked for, but `unmet`.
    pub(crate) fn provided(&mut self, member: usize, unmet: &[String]) {
        for (name, dependency) in &mut self.dependencies {
            if dependency.providers.contains(&member) && !unmet.contains(name) {
                dependency.met = true;
            }
        }
    }
}

/// Finds the first combination of alternatives in which everything required is provided, by the same buildpack or an
/// earlier one, and everything provided is required. `group` holds the plan of each buildpack that passed, and whether it may be left out.
pub(crate) fn resolve(group: Vec<(BuildPlan, bool)>) -> Option<Resolution> {
    let optional = group.iter().map(|(_, optional)| *optional).collect::<Vec<_>>();
    let alternatives = group.into_iter().map(|(plan, _)| plan.alternatives()).collect::<Vec<_>>();
    combinations(&alternatives).take(MAX_COMBINATIONS).find_map(|combination| attempt(&combination, &optional))
}

/// Every way to choose one alternative for each buildpack; the last buildpack's change fastest.
fn combinations(alternatives: &[Vec<Alternative>]) -> impl Iterator<Item = Vec<&Alternative>> {
    let count = alternatives.iter().map(Vec::len).fold(1_usize, usize::saturating_mul);
    (0..count).map(move |mut number| {
        let mut chosen = alternatives
            .iter()
            .rev()
            .filter_map(|options| {
                let option = options.get(number % options.len());
                number /= options.len();
                option
            })
            .collect::<Vec<_>>();
        chosen.reverse();
        chosen
    })
}

/// Leaves out optional buildpacks until the rest fits together.
fn attempt(combination: &[&Alternative], optional: &[bool]) -> Option<Resolution> {
    let mut members = (0..combination.len()).collect::<Vec<_>>();
    loop {
        match connect(combination, &members) {
            Ok(dependencies) if !members.is_empty() => return Some(Resolution { members, dependencies }),
            Err(misfit) if optional.get(misfit) == Some(&true) => members.retain(|member| *member != misfit),
            _ => return None,
        }
    }
}

/// Connects what is required with what is provided, or names a member that does not fit.
fn connect(combination: &[&Alternative], members: &[usize]) -> Result<BTreeMap<String, Dependency>, usize> {
    let mut dependencies = BTreeMap::<String, Dependency>::new();
    for &member in members {
        let Some(alternative) = combination.get(member) else { continue };
        for provide in &alternative.provides {
            dependencies.entry(provide.name.clone()).or_default().idle.push(member);
        }
        for entry in &alternative.requires {
            let dependency = dependencies.entry(entry.name.clone()).or_default();
            dependency.providers.append(&mut dependency.idle);
            if dependency.providers.is_empty() {
                return Err(member);
            }
            dependency.entries.push(entry.clone());
        }
    }
    match dependencies.values().find_map(|dependency| dependency.idle.first()) {
        Some(idle) => Err(*idle),
        None => Ok(dependencies),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> BuildPlan {
        toml::from_str(text).unwrap()
    }

    const NONE: &str = "";
    const GIVES: &str = "[[provides]]\nname = \"node\"";
    const TAKES: &str = "[[requires]]\nname = \"node\"\n[requires.metadata]\nversion = \"22\"";
    const BOTH: &str = "[[provides]]\nname = \"node\"\n[[requires]]\nname = \"node\"";
    const TAKES_OR_NOT: &str = "[[requires]]\nname = \"ruby\"\n[[or]]\n[[or.requires]]\nname = \"node\"";

    #[test]
    fn groups_fit_together_or_not() {
        for (group, members) in [
            (&[(NONE, false)][..], Some(&[0][..])),
            (&[(BOTH, false)], Some(&[0])),
            (&[(GIVES, false), (TAKES, false)], Some(&[0, 1])),
            // Required before it is provided.
            (&[(TAKES, false), (GIVES, false)], None),
            // Provided and never required: only an optional buildpack may be left out.
            (&[(GIVES, false)], None),
            (&[(GIVES, true), (NONE, false)], Some(&[1])),
            (&[(NONE, false), (TAKES, true)], Some(&[0])),
            // Leaving one out may make another one unfit.
            (&[(GIVES, true), (NONE, false), (TAKES_OR_NOT, true)], Some(&[1])),
            // The second alternative fits.
            (&[(GIVES, true), (NONE, false), (TAKES_OR_NOT, false)], Some(&[0, 1, 2])),
            (&[(TAKES_OR_NOT, true), (NONE, false)], Some(&[1])),
            // Nobody is left.
            (&[(GIVES, true)], None),
            // Two providers, one of which nobody needs after the other.
            (&[(GIVES, false), (GIVES, true), (TAKES, false)], Some(&[0, 1, 2])),
            (&[(GIVES, false), (TAKES, false), (GIVES, true)], Some(&[0, 1])),
        ] {
            let plans = group.iter().map(|(text, optional)| (plan(text), *optional)).collect();
            assert_eq!(resolve(plans).map(|resolution| resolution.members).as_deref(), members, "{group:?}");
        }
    }

    #[test]
    fn the_first_provider_is_asked_and_may_pass_it_on() {
        let mut resolution = resolve(vec![(plan(GIVES), false), (plan(GIVES), false), (plan(TAKES), false)]).unwrap();
        let asked = resolution.entries(0);
        assert_eq!(asked[0].metadata["version"].as_str(), Some("22"));
        resolution.provided(0, &["node".to_owned()]);
        assert_eq!(resolution.entries(1), asked);
        resolution.provided(1, &[]);
        assert_eq!(resolution.entries(1), []);
        assert_eq!(resolution.entries(2), []);
    }
}
