use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{labels, names};

/// The one key of the object: all settings in one text, so that a key that somebody adds by hand means nothing.
const TEXT: &str = "settings";

/// The routers' settings, a line `key=value` for each.
#[must_use]
pub fn router_settings(namespace: &str, settings: &BTreeMap<String, String>) -> ConfigMap {
    let text = settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect::<String>();
    let all = [(labels::APP, names::ROUTER), (labels::HERITAGE, labels::DEIS)];
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(names::ROUTER_SETTINGS.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(all.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(TEXT.to_owned(), text)])),
        ..ConfigMap::default()
    }
}

/// What [`router_settings`] has written; `None` for an object that it has not.
#[must_use]
pub fn read_router_settings(object: &ConfigMap) -> Option<BTreeMap<String, String>> {
    let lines = object.data.as_ref()?.get(TEXT)?.lines();
    lines.map(|line| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let settings = [("ssl.enforce", "true"), ("default-whitelist", "10.0.0.0/8,192.0.2.7")];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let object = router_settings("deis", &settings);
        insta::assert_yaml_snapshot!(object);
        assert_eq!(read_router_settings(&object), Some(settings));
        assert_eq!(read_router_settings(&router_settings("deis", &BTreeMap::new())), Some(BTreeMap::new()));
        assert_eq!(read_router_settings(&ConfigMap::default()), None);
        let by_hand = BTreeMap::from([(TEXT.to_owned(), "ssl.enforce".to_owned())]);
        assert_eq!(read_router_settings(&ConfigMap { data: Some(by_hand), ..ConfigMap::default() }), None);
    }
}
