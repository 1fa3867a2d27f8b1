//! Which cluster, and how to speak to it.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use deis_api::innermost;
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The kubeconfig file. Without it, $KUBECONFIG, ~/.kube/config or the account of the pod.
    #[arg(long, global = true, value_name = "file")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The kubeconfig's context.
    #[arg(long, global = true, value_name = "name")]
    pub(crate) context: Option<String>,

    /// The platform's namespace.
    #[arg(long, global = true, value_name = "name", default_value = "deis")]
    pub(crate) namespace: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    #[error("no cluster is configured, give --kubeconfig or set KUBECONFIG: {0}")]
    Infer(InferConfigError),
    #[error("the kubeconfig cannot be used")]
    Kubeconfig(#[from] KubeconfigError),
    #[error("cannot speak to the cluster")]
    Client(#[from] KubeError),
}

impl ClusterArgs {
    /// A client of the cluster. Nothing is sent yet.
    pub(crate) async fn client(&self) -> Result<Client, ClusterError> {
        Client::try_from(self.config().await?).map_err(|error| ClusterError::Client(error.into()))
    }

    async fn config(&self) -> Result<Config, ClusterError> {
        if self.kubeconfig.is_none() && self.context.is_none() {
            return Config::infer().await.map_err(ClusterError::Infer);
        }
        let kubeconfig = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file)?,
            None => Kubeconfig::read()?,
        };
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?)
    }
}

/// What went wrong between us and Kubernetes, in words for people: kube's own show its types.
#[derive(Debug)]
pub(crate) struct KubeError(kube::Error);

impl From<kube::Error> for KubeError {
    fn from(error: kube::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for KubeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            kube::Error::Api(status) => formatter.write_str(&status.message),
            kube::Error::Service(error) => {
                write!(formatter, "the cluster does not answer: {}", innermost(error.as_ref()))
            }
            error => error.fmt(formatter),
        }
    }
}

impl Error for KubeError {}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn the_servers_own_sentence_is_shown() {
        let status = Status::failure("secrets is forbidden", "Forbidden").with_code(403);
        assert_eq!(KubeError(kube::Error::Api(status.boxed())).to_string(), "secrets is forbidden");
    }

    #[test]
    fn the_innermost_cause_says_why_nobody_answers() {
        #[derive(Debug, thiserror::Error)]
        #[error("client error (Connect)")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("connection refused"));
        let error = KubeError(kube::Error::Service(Box::new(error)));
        assert_eq!(error.to_string(), "the cluster does not answer: connection refused");
    }
}
