//! What a Service says of itself.

use deis_kube::objects::Drain;

use crate::table::facts::Service;
use crate::table::{Defaults, Settings};

/// The annotation of the deploys; the others are their own.
pub(super) const DRAIN: &str = "drain";

/// The annotations that people write.
pub(super) fn wishes(facts: &Service) -> impl Iterator<Item = (&String, &String)> {
    facts.annotations.iter().filter(|(name, _)| *name != DRAIN)
}

pub(super) fn drain_text(facts: &Service) -> Option<&String> {
    facts.annotations.get(DRAIN)
}

/// What cannot be read says nothing: all pods are chosen, until they are seen to end.
pub(super) fn read_drain(facts: &Service) -> Drain {
    let read = drain_text(facts).map(|text| text.parse::<Drain>()).transpose();
    let read = read.inspect_err(|problem| {
        tracing::warn!(service = %facts.key, annotation = DRAIN, %problem, "an annotation cannot be read");
    });
    read.ok().flatten().unwrap_or_default()
}

pub(super) fn read_settings(facts: &Service, defaults: &Defaults) -> Settings {
    let (settings, warnings) = Settings::parse(&facts.annotations, defaults);
    for warning in warnings {
        tracing::warn!(service = %facts.key, annotation = warning.annotation, problem = warning.problem, "an annotation cannot be read");
    }
    settings
}

pub(super) fn app_name(facts: &Service) -> String {
    let app = facts.app.as_ref().unwrap_or(&facts.key.name);
    if *app == facts.key.namespace { app.clone() } else { format!("{}/{app}", facts.key.namespace) }
}
