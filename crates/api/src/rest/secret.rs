use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A secret in a body. It is written out on the wire and nowhere else: `Debug` shows nothing of it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(value_type = String, format = Password, description = "A secret.")
)]
#[serde(transparent)]
pub struct Secret(SecretString);

impl Secret {
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<SecretString> for Secret {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl From<Secret> for SecretString {
    fn from(secret: Secret) -> Self {
        secret.0
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_on_the_wire_and_not_in_debug() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(serde_json::to_value(&secret).unwrap(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }
}
