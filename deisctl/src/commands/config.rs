use deis_api::settings;
use deis_cli::{Failure, OutputArgs, Ui, closest, table};

use super::component;
use crate::cluster::ClusterArgs;
use crate::components::Component;
use crate::settings::{Setting, Settings, SettingsError};

/// Show and change the settings of a component. It obeys at once; without a setting the chart's value holds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose settings.
    component: String,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show settings: these, or all that are set.
    Get {
        /// Which. Without one, all that are set.
        #[arg(value_name = "key")]
        keys: Vec<String>,

        #[command(flatten)]
        output: OutputArgs,
    },
    /// Change settings.
    Set {
        /// Which, and to what: registration-mode=enabled.
        #[arg(value_name = "key=value", required = true)]
        pairs: Vec<String>,
    },
    /// Take settings away.
    Rm {
        /// Which.
        #[arg(value_name = "key", required = true)]
        keys: Vec<String>,
    },
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let component = component(&args.component)?;
    match args.verb {
        Verb::Get { keys, output } => {
            let mut settings = connect(component, cluster).await?;
            show(&read(&mut settings, &keys).await?, component, output, ui)
        }
        Verb::Set { pairs } => {
            // All are looked at before the first is written.
            let pairs = pairs.iter().map(|text| pair(component, text)).collect::<Result<Vec<_>, _>>()?;
            let mut settings = connect(component, cluster).await?;
            for (key, value) in pairs {
                let stored = settings.set(key, value).await.map_err(failure)?;
                ui.line(format_args!("{}={}", stored.key, stored.value))?;
            }
            Ok(())
        }
        Verb::Rm { keys } => {
            let mut settings = connect(component, cluster).await?;
            for key in keys {
                settings.remove(&key).await.map_err(failure)?;
                ui.line(key)?;
            }
            Ok(())
        }
    }
}

async fn connect(component: &Component, cluster: &ClusterArgs) -> Result<Settings, Failure> {
    Settings::of(component, cluster.client().await?, &cluster.namespace).await.map_err(failure)
}

async fn read(settings: &mut Settings, keys: &[String]) -> Result<Vec<Setting>, Failure> {
    if keys.is_empty() {
        return settings.all().await.map_err(failure);
    }
    let mut found = Vec::new();
    for key in keys {
        found.push(settings.one(key).await.map_err(failure)?);
    }
    Ok(found)
}

fn show(settings: &[Setting], component: &Component, output: OutputArgs, ui: &mut Ui) -> Result<(), Failure> {
    output.show(ui, &settings, |ui, settings| {
        if settings.is_empty() {
            return ui.line(format_args!("Nothing is set for {}: the chart's values hold.", component.name));
        }
        let rows = settings.iter().map(|setting| [setting.key.clone(), setting.value.clone()]);
        ui.line(table(["KEY", "VALUE"], rows))
    })
}

/// `registration-mode=enabled`, if that means something to the component.
fn pair<'text>(component: &Component, text: &'text str) -> Result<(&'text str, &'text str), Failure> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| Failure::new(format!("'{text}' does not match the pattern 'key=var', ex: foo=bar")))?;
    // Anything else would be kept and obeyed by nobody.
    let of_component = || settings::ALL.iter().filter(|known| known.component == component.name);
    let Some(known) = of_component().find(|known| known.key == key) else {
        let failure = Failure::new(format!("component {} has no setting {key}", component.name));
        let keys: Vec<_> = of_component().map(|known| known.key).collect();
        return Err(match closest(key, keys.iter().copied()) {
            Some(meant) => failure.hint(format!("Did you mean {meant}?")),
            None if keys.is_empty() => failure.hint("All that it has is in the chart's values."),
            None => failure.hint(format!("It has {}.", keys.join(", "))),
        });
    };
    known.check(value)?;
    Ok((key, value))
}

fn failure(error: SettingsError) -> Failure {
    match &error {
        SettingsError::NoPod => Failure::from(error).hint("`deisctl status state` says more."),
        SettingsError::Changed(_) => {
            Failure::from(error).hint("Look at it with `get`, and do it again if it is still right.")
        }
        SettingsError::Refused { code, .. } => {
            let code = code.as_str();
            Failure::from(error).code(code)
        }
        _ => Failure::from(error),
    }
}
