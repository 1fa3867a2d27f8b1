//! How Kubernetes finds out that a process is well.

pub mod list;
mod probe;
pub mod set;
pub mod unset;
mod word;

use std::collections::BTreeMap;

use clap::Args;
use deis_api::rest::{Config, ConfigPatch};
use deis_cli::Failure;
use serde_json::{Map, Value};

use self::word::Word;
use crate::app::AppSession;
use crate::commands;
use crate::context::Context;

/// The process type that is meant without an option: whatever answers requests.
const DEFAULT_TYPE: &str = "web/cmd";

/// What is to be found out.
#[derive(Clone, Copy, Debug)]
enum Check {
    /// Whether the process must be started anew.
    Liveness,
    /// Whether it gets requests.
    Readiness,
}

impl Check {
    const WORDS: Word<Self> = Word {
        words: &[("liveness", Self::Liveness), ("readiness", Self::Readiness)],
        refusal: |word| format!("probe type {word} is invalid. Must be one of [liveness readiness]"),
    };

    /// The field of a container in Kubernetes.
    const fn field(self) -> &'static str {
        match self {
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }
}

/// Whose health checks are changed.
#[derive(Debug, Args)]
struct TypeArgs {
    /// The process type
    #[arg(long = "type", value_name = "type", default_value = DEFAULT_TYPE)]
    kind: String,
}

/// Changes probes of one process type, waits for the deploy, and shows what they are now.
async fn change(
    context: &mut Context,
    session: &AppSession,
    label: &str,
    TypeArgs { kind }: TypeArgs,
    probes: Map<String, Value>,
) -> Result<(), Failure> {
    let healthcheck = BTreeMap::from([(kind.clone(), Some(Value::Object(probes)))]);
    let patch = ConfigPatch { healthcheck, ..ConfigPatch::default() };
    let config = commands::config::apply(context, session, label, &patch).await?;
    let checks = of_type(config, Some(&kind))?;
    Ok(probe::show(&mut context.ui, session.app.as_str(), &checks)?)
}

/// The health checks of one process type, or of all.
fn of_type(config: Config, kind: Option<&str>) -> Result<probe::Checks, Failure> {
    let chosen = config.healthcheck.into_iter().filter(|(name, _)| kind.is_none_or(|kind| name == kind));
    Ok(chosen
        .map(|(name, probes)| Ok((name, serde_json::from_value(probes)?)))
        .collect::<Result<_, serde_json::Error>>()?)
}
