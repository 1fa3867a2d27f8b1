//! The platform's settings in state: an operator's overrides of the chart's values.

use std::time::Duration;

use deis_api::Code;
use deis_proto::state::settings_service_client::SettingsServiceClient;
use deis_proto::state::{
    DeleteSettingRequest, GetSettingRequest, ListSettingsRequest, PutSettingRequest, Setting as Stored,
};
use deis_rpc::Fault;
use kube::Client;
use serde::Serialize;
use tonic::transport::Channel;

use crate::components::Component;
use crate::forward::ForwardError;
use crate::inventory::InventoryError;
use crate::probe::innermost;
use crate::state;

const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A setting of one component.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Setting {
    /// Without the component.
    pub(crate) key: String,
    pub(crate) value: String,
    /// Of the last change; it goes up with each.
    pub(crate) revision: i64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    Look(#[from] InventoryError),
    #[error("no pod of component state is ready")]
    NoPod,
    #[error("component state cannot be reached")]
    Forward(#[from] ForwardError),
    #[error("there is no setting {0}")]
    Missing(String),
    #[error("somebody else changed {0} just now; it stays as they left it")]
    Changed(String),
    #[error("component state did not do it: {message}")]
    Refused { code: Code, message: String },
}

/// The settings of one component.
pub(crate) struct Settings {
    component: &'static str,
    client: SettingsServiceClient<Channel>,
}

impl Settings {
    /// Goes to a ready pod of state.
    pub(crate) async fn of(component: &Component, client: Client, namespace: &str) -> Result<Self, SettingsError> {
        let channel = state::channel(&client, namespace, || SettingsError::NoPod).await?;
        Ok(Self { component: component.name, client: SettingsServiceClient::new(channel) })
    }

    /// All of them, ordered by key.
    pub(crate) async fn all(&mut self) -> Result<Vec<Setting>, SettingsError> {
        let prefix = self.path("");
        let request = deis_rpc::request(ListSettingsRequest { prefix: prefix.clone() }, ANSWER_LIMIT);
        let answer = self.client.list(request).await.map_err(|status| told(&prefix, &status))?;
        Ok(answer.into_inner().settings.into_iter().map(|stored| self.setting(stored)).collect())
    }

    /// One of them; [`SettingsError::Missing`] when it is not set.
    pub(crate) async fn one(&mut self, key: &str) -> Result<Setting, SettingsError> {
        let path = self.path(key);
        let request = deis_rpc::request(GetSettingRequest { key: path.clone() }, ANSWER_LIMIT);
        let answer = self.client.get(request).await.map_err(|status| told(&path, &status))?;
        Ok(self.setting(answer.into_inner()))
    }

    /// Writes one, unless somebody else does so at the same time.
    pub(crate) async fn set(&mut self, key: &str, value: &str) -> Result<Setting, SettingsError> {
        let revision = match self.one(key).await {
            Ok(setting) => setting.revision,
            Err(SettingsError::Missing(_)) => 0,
            Err(error) => return Err(error),
        };
        let path = self.path(key);
        let request =
            PutSettingRequest { key: path.clone(), value: value.to_owned(), expected_revision: Some(revision) };
        let request = deis_rpc::request(request, ANSWER_LIMIT);
        let answer = self.client.put(request).await.map_err(|status| told(&path, &status))?;
        Ok(self.setting(answer.into_inner()))
    }

    /// Deletes one, unless somebody else changes it at the same time; then the chart's value holds again.
    pub(crate) async fn remove(&mut self, key: &str) -> Result<(), SettingsError> {
        let revision = self.one(key).await?.revision;
        let path = self.path(key);
        let request = DeleteSettingRequest { key: path.clone(), expected_revision: Some(revision) };
        let request = deis_rpc::request(request, ANSWER_LIMIT);
        self.client.delete(request).await.map_err(|status| told(&path, &status))?;
        Ok(())
    }

    /// A setting's name in state.
    fn path(&self, key: &str) -> String {
        format!("{}/{key}", self.component)
    }

    fn setting(&self, stored: Stored) -> Setting {
        let Stored { key: path, value, revision } = stored;
        let key = path.strip_prefix(&self.path("")).unwrap_or(&path).to_owned();
        Setting { key, value, revision }
    }
}

fn told(path: &str, status: &tonic::Status) -> SettingsError {
    let fault = Fault::from(status);
    match fault.code {
        Code::NotFound => SettingsError::Missing(path.to_owned()),
        Code::RevisionMismatch => SettingsError::Changed(path.to_owned()),
        code => SettingsError::Refused { code, message: innermost(status) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_state_answers_is_told_in_the_operators_words() {
        let told = |code, message: &str| told("workflow/a", &deis_rpc::status(code, message)).to_string();
        assert_eq!(told(Code::NotFound, "no"), "there is no setting workflow/a");
        assert_eq!(
            told(Code::RevisionMismatch, "the setting is at revision 3, not at 2"),
            "somebody else changed workflow/a just now; it stays as they left it"
        );
        assert_eq!(
            told(Code::Unavailable, "etcd cannot be reached"),
            "component state did not do it: etcd cannot be reached"
        );
    }
}
