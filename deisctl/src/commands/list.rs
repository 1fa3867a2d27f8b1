use deis_cli::{Failure, OutputArgs, Ui, table};
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::cluster::ClusterArgs;
use crate::components::{COMPONENTS, Workload};
use crate::inventory::look;

/// List the platform's components.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Row {
    component: &'static str,
    kind: Workload,
    ready: String,
    image: String,
    about: &'static str,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let client = cluster.client().await?;
    let standings = COMPONENTS.iter().map(|component| look(&client, &cluster.namespace, component));
    let rows: Vec<_> = try_join_all(standings)
        .await?
        .iter()
        .zip(COMPONENTS)
        .map(|(standing, component)| Row {
            component: component.name,
            kind: component.workload,
            ready: standing.ready(),
            image: standing.image().to_owned(),
            about: component.about,
        })
        .collect();
    args.output.show(ui, &rows, |ui, rows| {
        let cells = rows.iter().map(|row| {
            [row.component.to_owned(), row.kind.to_string(), row.ready.clone(), row.image.clone(), row.about.to_owned()]
        });
        ui.line(table(["COMPONENT", "KIND", "READY", "IMAGE", "WHAT IT IS"], cells))
    })
}
