use std::io;

use clap::Args;
use deis_api::rest::{App, AppSettings, Domain, Pod, PodList};
use deis_cli::{Failure, OutputArgs, Ui};
use serde::Serialize;

use crate::app::AppArgs;
use crate::commands::ps;
use crate::context::{Context, PageArgs};
use crate::format;

/// Show what is known about an app
#[derive(Debug, Args)]
pub struct Info {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

#[derive(Serialize)]
struct Overview {
    app: App,
    url: String,
    processes: Vec<Pod>,
    domains: Vec<String>,
    labels: std::collections::BTreeMap<String, String>,
}

impl Info {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let app = session.get::<App>(&[""]).await?;
        let pods = session.get::<PodList>(&["pods", ""]).await?;
        let domains = session.list::<Domain>(&["domains", ""], &PageArgs { limit: None }).await?;
        let settings = session.get::<AppSettings>(&["settings", ""]).await?;

        let domains = domains.results.into_iter().map(|domain| domain.domain).collect::<Vec<_>>();
        let controller = session.controller();
        let url = domains.first().map(|domain| controller.app_address(domain)).unwrap_or_default();
        let overview = Overview { app, url, processes: pods.results, domains, labels: settings.label };
        self.output.show(&mut context.ui, &overview, show)
    }
}

fn show(ui: &mut Ui, Overview { app, url, processes, domains, labels }: &Overview) -> io::Result<()> {
    ui.line(format_args!("=== {} Application", app.id))?;
    ui.line(format_args!("updated:  {}", app.updated))?;
    ui.line(format_args!("uuid:     {}", app.uuid))?;
    ui.line(format_args!("created:  {}", app.created))?;
    ui.line(format_args!("url:      {url}"))?;
    ui.line(format_args!("owner:    {}", app.owner))?;
    ui.line(format_args!("id:       {}", app.id))?;
    if app.allow_root {
        ui.line("root:     allowed")?;
    }
    ui.line("")?;
    ps::show(ui, &app.id, processes)?;
    ui.line("")?;
    ui.line(format_args!("=== {} Domains", app.id))?;
    domains.iter().try_for_each(|domain| ui.line(domain))?;
    ui.line("")?;
    ui.line(format_args!("=== {} Label", app.id))?;
    if labels.is_empty() {
        ui.line("No labels found.")?;
    } else {
        format::block(ui, labels, 6)?;
    }
    ui.line("")
}
