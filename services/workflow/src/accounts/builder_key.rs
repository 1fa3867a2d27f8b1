use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// What a builder outside of the platform shows instead of a token. Whoever knows it reads the variables of every app and releases in
/// every user's name, so that it is nothing that people make up.
#[derive(Clone, Debug)]
pub struct BuilderKey(SecretString);

impl BuilderKey {
    /// The fewest bytes that it has.
    pub const MIN_LEN: usize = 32;

    /// A key; `None` for one that can be guessed.
    #[must_use]
    pub fn new(text: SecretString) -> Option<Self> {
        (text.expose_secret().len() >= Self::MIN_LEN).then(|| Self(text))
    }

    /// Whether somebody has shown it. How long the answer takes says nothing about it but its length.
    #[must_use]
    pub fn is(&self, shown: &[u8]) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(shown).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_is_the_key() {
        let text = "0123456789abcdef0123456789abcdef";
        let key = BuilderKey::new(text.into()).unwrap();
        assert!(key.is(text.as_bytes()));
        for other in ["", &text[1..], &text.to_uppercase(), &format!("{text}0")] {
            assert!(!key.is(other.as_bytes()), "{other}");
        }
        assert!(!format!("{key:?}").contains(text));
        assert!(BuilderKey::new(text[1..].into()).is_none());
        assert!(BuilderKey::new("".into()).is_none());
    }
}
