use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::access::Actor;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::ledger::accounts::TokenHash;

/// A token that was just made; its text is given to the user and kept nowhere.
#[derive(Debug)]
pub struct FreshToken {
    /// 40 lower-case hexadecimal digits.
    pub text: SecretString,
    /// What the ledger keeps.
    pub hash: TokenHash,
}

impl FreshToken {
    /// 160 random bits.
    #[must_use]
    pub fn generate() -> Self {
        let text = SecretString::from(hex::encode(rand::random::<[u8; 20]>()));
        Self { hash: hash(&text), text }
    }
}

/// Who shows this token.
///
/// The ledger is asked for the token's SHA-256: what its index may tell by its timing is of no use to somebody who does not have the
/// token itself.
///
/// # Errors
/// [`Error::InvalidToken`] when it is nobody's.
pub async fn authenticate(ledger: &dyn Ledger, token: &SecretString) -> Result<Actor, Error> {
    ledger.user_of_token(hash(token)).await?.map(Actor::User).ok_or(Error::InvalidToken)
}

fn hash(token: &SecretString) -> TokenHash {
    Sha256::digest(token.expose_secret().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_hexadecimal_digits_and_their_hash() {
        let token = FreshToken::generate();
        let text = token.text.expose_secret();
        assert!(text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
        assert_eq!(hash(&token.text), token.hash);
        assert_ne!(FreshToken::generate().hash, token.hash);
    }
}
