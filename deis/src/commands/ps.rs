//! An app's processes.

pub mod exec;
pub mod list;
pub mod restart;
pub mod scale;

use std::collections::BTreeMap;
use std::io;

use deis_api::rest::Pod;
use deis_cli::Ui;

/// The processes by type and name.
pub fn show(ui: &mut Ui, app: &str, pods: &[Pod]) -> io::Result<()> {
    let mut types = BTreeMap::<_, BTreeMap<_, _>>::new();
    for pod in pods {
        types.entry(&pod.kind).or_default().insert(&pod.name, pod);
    }
    ui.line(format_args!("=== {app} Processes"))?;
    for (kind, pods) in types {
        ui.line(format_args!("--- {kind}:"))?;
        for (name, pod) in pods {
            ui.line(format_args!("{name} {} ({})", pod.state, pod.release))?;
        }
    }
    Ok(())
}
