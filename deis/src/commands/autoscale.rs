//! How many processes of a type run, by how much CPU they use.

pub mod list;
pub mod set;
pub mod unset;

use std::collections::BTreeMap;
use std::io;

use deis_api::ProcType;
use deis_api::rest::{Autoscale, SettingsPatch};
use deis_cli::{Failure, Ui};

use crate::app::AppSession;
use crate::commands::settings;
use crate::context::Context;

/// Gives a process type a rule, or takes it away.
async fn change(
    context: &mut Context,
    session: &AppSession,
    label: String,
    kind: &ProcType,
    rule: Option<Autoscale>,
) -> Result<(), Failure> {
    let rule = rule.map(serde_json::to_value).transpose()?;
    let autoscale = Some(BTreeMap::from([(kind.to_string(), rule)]));
    let patch = SettingsPatch { autoscale, ..SettingsPatch::default() };
    settings::change(context, session, label, &patch).await
}

fn show(ui: &mut Ui, app: &str, rules: &BTreeMap<String, Autoscale>) -> io::Result<()> {
    if rules.is_empty() {
        return ui.line("No autoscale rules found.");
    }
    ui.line(format_args!("=== {app} Autoscale"))?;
    rules.iter().try_for_each(|(kind, Autoscale { min, max, cpu_percent })| {
        ui.line(format_args!("\n--- {kind}:"))?;
        ui.line(format_args!("Min Replicas: {min}"))?;
        ui.line(format_args!("Max Replicas: {max}"))?;
        ui.line(format_args!("CPU: {cpu_percent}%"))
    })
}
