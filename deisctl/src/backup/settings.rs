//! The operator's settings, which state keeps.

use std::collections::BTreeMap;

use kube::Client;

use crate::components::COMPONENTS;
use crate::settings::{Settings, SettingsError};

/// Component to key to value.
pub(crate) type All = BTreeMap<String, BTreeMap<String, String>>;

pub(crate) async fn read(client: &Client, namespace: &str) -> Result<All, SettingsError> {
    let mut all = All::new();
    for component in COMPONENTS {
        let settings = Settings::of(component, client.clone(), namespace).await?.all().await?;
        if !settings.is_empty() {
            let pairs = settings.into_iter().map(|setting| (setting.key, setting.value));
            all.insert(component.name.to_owned(), pairs.collect());
        }
    }
    Ok(all)
}

/// Makes them what they were: others go.
pub(crate) async fn put_back(all: &All, client: &Client, namespace: &str) -> Result<(), SettingsError> {
    let none = BTreeMap::new();
    for component in COMPONENTS {
        let wanted = all.get(component.name).unwrap_or(&none);
        let mut settings = Settings::of(component, client.clone(), namespace).await?;
        let found = settings.all().await?.into_iter().map(|setting| (setting.key, setting.value));
        let found = found.collect::<BTreeMap<_, _>>();
        for key in found.keys().filter(|key| !wanted.contains_key(*key)) {
            settings.remove(key).await?;
        }
        for (key, value) in wanted.iter().filter(|(key, value)| found.get(*key) != Some(value)) {
            settings.set(key, value).await?;
        }
    }
    Ok(())
}
