use std::ffi::OsString;
use std::path::{Path, PathBuf};

use deis_api::Hostname;
use deis_cli::{Failure, Ui};

use crate::cluster::ClusterArgs;
use crate::exec::{self, ExecError};

/// The chart of this version, file by file.
mod chart {
    include!(concat!(env!("OUT_DIR"), "/chart.rs"));
}

/// Install the platform, or bring it to this version.
///
/// Runs `helm upgrade --install` with the chart that is part of this program, and waits until every part serves. What an earlier
/// install was told stays so.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The platform's domain; its names, wildcard included, have to lead to the router.
    #[arg(long, value_name = "name")]
    domain: Option<Hostname>,

    #[command(flatten)]
    chart: ChartArgs,

    /// How long to wait, as helm writes it.
    #[arg(long, value_name = "duration", default_value = "10m")]
    timeout: String,

    #[command(flatten)]
    helm: HelmArgs,
}

/// Which chart, and its values.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ChartArgs {
    /// A file with values of the chart. May be repeated.
    #[arg(long, short = 'f', value_name = "file")]
    values: Vec<PathBuf>,

    /// One value of the chart. May be repeated.
    #[arg(long, value_name = "key=value")]
    set: Vec<String>,

    /// Another chart: a folder, an archive or an address.
    #[arg(long, value_name = "chart")]
    chart: Option<OsString>,
}

impl ChartArgs {
    /// The chart that is asked for, or that of this program, written to a folder.
    pub(super) fn chart(&self, folder: &Path) -> std::io::Result<OsString> {
        match &self.chart {
            Some(chart) => Ok(chart.clone()),
            None => Ok(unpack(folder)?.into()),
        }
    }

    /// How helm installs and upgrades; release and chart are to follow. Values of earlier times stay.
    pub(super) fn upgrade(&self, timeout: &str) -> Vec<OsString> {
        let fixed =
            ["upgrade", "--install", "--create-namespace", "--reset-then-reuse-values", "--wait", "--timeout", timeout];
        let mut arguments = fixed.map(OsString::from).to_vec();
        for file in &self.values {
            arguments.extend(["--values".into(), file.into()]);
        }
        for value in &self.set {
            arguments.extend(["--set".into(), value.into()]);
        }
        arguments
    }
}

/// How helm is to be run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HelmArgs {
    /// The name of the helm release.
    #[arg(long, value_name = "name", default_value = "deis")]
    pub(crate) release: String,

    /// The program helm.
    #[arg(long, value_name = "program", env = "DEISCTL_HELM", default_value = "helm")]
    pub(crate) helm: OsString,
}

impl HelmArgs {
    /// Runs helm on the cluster, on our own output.
    pub(crate) async fn run(&self, arguments: Vec<OsString>, cluster: &ClusterArgs) -> Result<(), Failure> {
        let done = exec::run(&self.helm, &on_cluster(arguments, cluster)).await;
        done.map_err(|error| failure(error, cluster))
    }

    /// Runs helm on the cluster, and reads what it writes.
    pub(crate) async fn read(&self, arguments: Vec<OsString>, cluster: &ClusterArgs) -> Result<String, Failure> {
        let read = exec::read(&self.helm, &on_cluster(arguments, cluster)).await;
        read.map_err(|error| failure(error, cluster))
    }
}

fn on_cluster(mut arguments: Vec<OsString>, cluster: &ClusterArgs) -> Vec<OsString> {
    arguments.extend(["--namespace".into(), cluster.namespace.clone().into()]);
    if let Some(file) = &cluster.kubeconfig {
        arguments.extend(["--kubeconfig".into(), file.into()]);
    }
    if let Some(context) = &cluster.context {
        arguments.extend(["--kube-context".into(), context.into()]);
    }
    arguments
}

fn failure(error: ExecError, cluster: &ClusterArgs) -> Failure {
    let hint = match error {
        ExecError::Missing { .. } => "Install helm, or say where it is: --helm=/path/to/helm".to_owned(),
        _ => format!("`deisctl status --namespace={}` says what is not up.", cluster.namespace),
    };
    Failure::from(error).hint(hint)
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, _ui: &mut Ui) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let chart = args.chart.chart(folder.path())?;
    args.helm.run(arguments(&args, chart), cluster).await
}

fn arguments(args: &Args, chart: OsString) -> Vec<OsString> {
    let mut arguments = args.chart.upgrade(&args.timeout);
    if let Some(domain) = &args.domain {
        arguments.extend(["--set-string".into(), format!("domain={domain}").into()]);
    }
    arguments.extend([args.helm.release.clone().into(), chart]);
    arguments
}

/// Writes the chart that is part of this program to a folder.
fn unpack(folder: &Path) -> std::io::Result<PathBuf> {
    let chart = folder.join("workflow");
    for (name, contents) in chart::FILES {
        let file = chart.join(name);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, contents)?;
    }
    Ok(chart)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn arguments_of(line: &str) -> Vec<String> {
        let cli = Cli::parse_from(line.split(' '));
        let Command::Install(args) = cli.command else { panic!("not install") };
        arguments(&args, "chart".into()).into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn helm_is_told_what_the_operator_asked_for() {
        let line =
            "deisctl install --domain=example.com -f one.yaml -f two.yaml --set router.replicas=3 --release=paas";
        assert_eq!(
            arguments_of(line).join(" "),
            "upgrade --install --create-namespace --reset-then-reuse-values --wait --timeout 10m --values one.yaml --values two.yaml \
             --set router.replicas=3 --set-string domain=example.com paas chart"
        );
    }

    #[test]
    fn the_chart_inside_is_the_whole_chart() {
        let folder = tempfile::tempdir().unwrap();
        let chart = unpack(folder.path()).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/workflow");
        for name in
            ["Chart.yaml", "values.yaml", "values.schema.json", "templates/_helpers.tpl", "templates/router.yaml"]
        {
            let text = |folder: &Path| std::fs::read_to_string(folder.join(name)).unwrap();
            assert!(text(&chart) == text(&source), "{name}");
        }
    }
}
