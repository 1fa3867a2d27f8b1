//! An app's config: environment variables, the shape of its pods, the credentials of a registry. A change is merged into the config
//! before, field by field, and told in one line.

pub mod legacy;
pub mod lifecycle;
pub mod limits;
mod masked;
mod merge;
pub mod probes;
pub mod tags;

use std::collections::BTreeMap;

use deis_api::{Code, ProcType, Username};
use secrecy::{ExposeSecret as _, SecretString};

use self::lifecycle::{GracePeriods, Hooks};
pub use self::masked::difference;
pub use self::merge::{Difference, differing, merge};
use self::probes::Healthcheck;
use self::tags::Tags;
use crate::error::Error;
use crate::ledger::Variables;
use crate::variables;

/// Process type to `limit` or `request/limit`.
pub type Limits = BTreeMap<ProcType, String>;

/// What shapes an app's pods must fit into the objects of Kubernetes, in bytes.
const MAX_SHAPE: usize = 64 * 1024;

/// The fields of the contract that say how processes begin and end.
pub const POST_START: &str = "lifecycle_post_start";
/// See [`POST_START`].
pub const PRE_STOP: &str = "lifecycle_pre_stop";
/// See [`POST_START`].
pub const GRACE_PERIOD: &str = "termination_grace_period";

/// How an app's pods are shaped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Limits of memory.
    pub memory: Limits,
    /// Limits of processor time.
    pub cpu: Limits,
    /// Labels that a node must have.
    pub tags: Tags,
    /// Probes.
    pub healthcheck: Healthcheck,
    /// What runs in a container right after its process has started.
    pub post_start: Hooks,
    /// What runs in a container before its process is told to end.
    pub pre_stop: Hooks,
    /// How long pods have to end, where the app says so by process type.
    pub grace_periods: GracePeriods,
}

/// A whole config.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The environment variables.
    pub values: Variables,
    /// Credentials of the registry that the app's images come from: `username`, `password`, `hostname`.
    pub registry: Variables,
    /// The shape of the pods.
    pub shape: Shape,
}

/// A change of a config: in each field a key with a value is set, a key without is unset.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// Of the environment variables.
    pub values: variables::Patch,
    /// Of the registry's credentials.
    pub registry: variables::Patch,
    /// Of the limits of memory.
    pub memory: BTreeMap<ProcType, Option<String>>,
    /// Of the limits of processor time.
    pub cpu: BTreeMap<ProcType, Option<String>>,
    /// Of the tags.
    pub tags: BTreeMap<String, Option<String>>,
    /// Of the probes.
    pub healthcheck: probes::Patch,
    /// Of what runs after a start.
    pub post_start: BTreeMap<ProcType, Option<String>>,
    /// Of what runs before an end.
    pub pre_stop: BTreeMap<ProcType, Option<String>>,
    /// Of the time that pods have to end, in seconds.
    pub grace_periods: BTreeMap<ProcType, Option<u32>>,
}

impl Settings {
    /// Merges a change.
    ///
    /// # Errors
    /// [`Error::Field`] for values that cannot be, [`Error::Refused`] for unsetting what is not set and for more than fits.
    pub fn merged(&self, patch: Patch) -> Result<Self, Error> {
        for limit in patch.memory.values().flatten() {
            limits::memory(limit)?;
        }
        for limit in patch.cpu.values().flatten() {
            limits::cpu(limit)?;
        }
        for (key, value) in &patch.tags {
            tags::check(key, value.as_deref().unwrap_or_default())?;
        }
        for (field, hooks) in [(POST_START, &patch.post_start), (PRE_STOP, &patch.pre_stop)] {
            for (kind, command) in hooks {
                command.iter().try_for_each(|command| lifecycle::check_hook(field, kind, command))?;
            }
        }
        // Who says in one request how it is to be checked, in the new way and in the old, means the new one.
        let says_it_anew = patch.healthcheck.get(probes::SERVED).is_some_and(Option::is_some);
        let mut after = Self {
            values: variables::merge(&self.values, patch.values)?,
            registry: merge("registry", &self.registry, patch.registry)?,
            shape: Shape {
                memory: merge("memory", &self.shape.memory, patch.memory)?,
                cpu: merge("cpu", &self.shape.cpu, patch.cpu)?,
                tags: merge("tags", &self.shape.tags, patch.tags)?,
                healthcheck: probes::merge(&self.shape.healthcheck, patch.healthcheck)?,
                post_start: merge(POST_START, &self.shape.post_start, patch.post_start)?,
                pre_stop: merge(PRE_STOP, &self.shape.pre_stop, patch.pre_stop)?,
                grace_periods: merge(GRACE_PERIOD, &self.shape.grace_periods, patch.grace_periods)?,
            },
        };
        if let Some(probes) = legacy::take(&mut after.values)?
            && !says_it_anew
        {
            after.shape.healthcheck.insert(probes::SERVED.to_owned(), probes);
        }
        if !after.registry.is_empty() && !after.values.keys().any(|key| key.as_str() == "PORT") {
            let message = "PORT needs to be set in the config when using a private registry";
            return Err(Error::refused(Code::FailedPrecondition, message));
        }
        if after.size() > MAX_SHAPE {
            let message =
                format!("Limits, tags, health checks, hooks and registry together may have {} KiB.", MAX_SHAPE / 1024);
            return Err(Error::refused(Code::TooLarge, message));
        }
        Ok(after)
    }

    fn size(&self) -> usize {
        let Shape { memory, cpu, tags, healthcheck, post_start, pre_stop, grace_periods: _digits } = &self.shape;
        let limits = memory.iter().chain(cpu).chain(post_start).chain(pre_stop);
        let limits = limits.map(|(kind, limit)| kind.as_str().len() + limit.len());
        let tags = tags.iter().map(|(key, value)| key.len() + value.len());
        let registry = self.registry.iter().map(|(key, value)| key.as_str().len() + value.expose_secret().len());
        let probes = serde_json::to_string(healthcheck).map_or(usize::MAX, |text| text.len());
        limits.chain(tags).chain(registry).fold(probes, usize::saturating_add)
    }

    /// What a change to `after` is, in one line; `None` when nothing is different. The texts are the original's: scripts match on them.
    #[must_use]
    pub fn summary(&self, after: &Self, user: &Username) -> Option<String> {
        let secret = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        let (old, new) = (&self.shape, &after.shape);
        let limits = [("memory", old.memory != new.memory), ("cpu", old.cpu != new.cpu)];
        let limits = limits.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect::<Vec<_>>();
        let limits =
            if limits.is_empty() { String::new() } else { format!("changed limits for {}", limits.join(", ")) };
        let grace = if old.grace_periods == new.grace_periods {
            String::new()
        } else {
            format!("changed timeouts for {GRACE_PERIOD}")
        };
        let parts = [
            Difference::between(&self.values, &after.values, secret).words(""),
            limits,
            lifecycle::words(POST_START, &old.post_start, &new.post_start),
            lifecycle::words(PRE_STOP, &old.pre_stop, &new.pre_stop),
            grace,
            Difference::between(&old.tags, &new.tags, PartialEq::eq).words("tag "),
            Difference::between(&self.registry, &after.registry, secret).words("registry info "),
            Difference::between(&old.healthcheck, &new.healthcheck, PartialEq::eq)
                .words("healthcheck info for proc type "),
        ];
        let parts = parts.into_iter().filter(|part| !part.is_empty()).map(|part| format!("{user} {part}"));
        let parts = parts.collect::<Vec<_>>();
        (!parts.is_empty()).then(|| parts.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts<K: std::str::FromStr + Ord, V: From<String>>(pairs: &[(&str, Option<&str>)]) -> BTreeMap<K, Option<V>>
    where
        K::Err: std::fmt::Debug,
    {
        pairs.iter().map(|(key, value)| (key.parse().unwrap(), value.map(|value| value.to_owned().into()))).collect()
    }

    #[test]
    fn every_field_is_merged_and_told() {
        let bob = "bob".parse().unwrap();
        let probe = json!({ "web/cmd": { "livenessProbe": { "tcpSocket": { "port": 5000 } } } });
        let empty = Settings::default();
        let all = Patch {
            values: texts(&[("PORT", Some("8080"))]),
            registry: texts(&[("username", Some("bob")), ("password", Some("x"))]),
            memory: texts(&[("web", Some("1G"))]),
            cpu: texts(&[("web", Some("500m"))]),
            tags: texts(&[("disk", Some("ssd"))]),
            healthcheck: probes::parse(serde_json::from_value(probe).unwrap()).unwrap(),
            post_start: texts(&[("web", Some("touch ready"))]),
            pre_stop: texts(&[("web", Some("sleep 5")), ("worker", Some("drain"))]),
            grace_periods: [(ProcType::web(), Some(60))].into(),
        };
        let full = empty.merged(all.clone()).unwrap();
        let limits = Patch { memory: texts(&[("web", Some("2G"))]), ..Patch::default() };
        let mixed = Patch {
            memory: texts(&[("web", None)]),
            tags: texts(&[("disk", Some("hdd")), ("zone", Some("a"))]),
            registry: texts(&[("password", Some("y"))]),
            ..Patch::default()
        };
        let mut summaries = vec![empty.summary(&full, &bob), full.summary(&full.merged(all).unwrap(), &bob)];
        let lifecycle = Patch {
            pre_stop: texts(&[("web", None), ("worker", Some("drain --fast")), ("cmd", Some("x"))]),
            grace_periods: [(ProcType::web(), Some(90))].into(),
            ..Patch::default()
        };
        for patch in [limits, mixed, lifecycle] {
            summaries.push(full.summary(&full.merged(patch).unwrap(), &bob));
        }
        summaries.push(full.summary(&empty, &bob));
        insta::assert_yaml_snapshot!(summaries);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refusals = [
            Patch { memory: texts(&[("web", None)]), ..Patch::default() },
            Patch { cpu: texts(&[("web", None)]), ..Patch::default() },
            Patch { tags: texts(&[("disk", None)]), ..Patch::default() },
            Patch { registry: texts(&[("username", None)]), ..Patch::default() },
            Patch { post_start: texts(&[("web", None)]), ..Patch::default() },
            Patch { pre_stop: texts(&[("web", None)]), ..Patch::default() },
            Patch { pre_stop: texts(&[("web", Some(" "))]), ..Patch::default() },
            Patch { post_start: texts(&[("web", Some("a\0b"))]), ..Patch::default() },
            Patch { post_start: texts(&[("web", Some(&"x".repeat(MAX_SHAPE)))]), ..Patch::default() },
            Patch { grace_periods: [(ProcType::web(), None)].into(), ..Patch::default() },
            Patch { registry: texts(&[("username", Some("bob"))]), ..Patch::default() },
            Patch { memory: texts(&[("web", Some("much"))]), ..Patch::default() },
            Patch { cpu: texts(&[("web", Some("fast"))]), ..Patch::default() },
            Patch { tags: texts(&[("a b", Some("x"))]), ..Patch::default() },
            Patch {
                values: texts(&[("PORT", Some("1"))]),
                registry: texts(&[("password", Some(&"x".repeat(MAX_SHAPE)))]),
                ..Patch::default()
            },
        ]
        .map(|patch| {
            let error = Settings::default().merged(patch).unwrap_err();
            format!("{}: {error}", error.code())
        });
        insta::assert_yaml_snapshot!(refusals);
    }
}
