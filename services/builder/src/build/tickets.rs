//! Tokens of builds that wait for their pod.

use std::collections::HashMap;
use std::sync::Arc;

use deis_oci::Digest;
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::oneshot;

use super::Arrival;
use crate::Error;

/// The builds that wait. They are found by the digest of their token: how long a look-up takes says nothing about a token.
#[derive(Clone, Default)]
pub(crate) struct Tickets {
    waiting: Arc<Mutex<HashMap<Digest, oneshot::Sender<Arrival>>>>,
}

/// A token, good for one arrival while this lives.
pub(crate) struct Ticket {
    tickets: Tickets,
    token: SecretString,
    arrival: oneshot::Receiver<Arrival>,
}

impl Tickets {
    pub(crate) fn issue(&self) -> Ticket {
        let token = SecretString::from(hex::encode(rand::random::<[u8; 32]>()));
        let (sender, arrival) = oneshot::channel();
        self.waiting.lock().insert(key(&token), sender);
        Ticket { tickets: self.clone(), token, arrival }
    }

    /// Hands an arrival to the build that the token is for; gives it back when there is none, or not any more.
    pub(crate) fn redeem(&self, token: &SecretString, arrival: Arrival) -> Result<(), Arrival> {
        match self.waiting.lock().remove(&key(token)) {
            Some(waiting) => waiting.send(arrival),
            None => Err(arrival),
        }
    }
}

fn key(token: &SecretString) -> Digest {
    Digest::of(token.expose_secret().as_bytes())
}

impl Ticket {
    pub(crate) fn token(&self) -> &SecretString {
        &self.token
    }

    pub(crate) async fn redeemed(&mut self) -> Result<Arrival, Error> {
        (&mut self.arrival).await.map_err(|_| Error::Internal("nobody can arrive any more".to_owned()))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.tickets.waiting.lock().remove(&key(&self.token));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    fn arrival() -> Arrival {
        Arrival { incoming: futures_util::stream::empty().boxed(), outgoing: tokio::sync::mpsc::channel(1).0 }
    }

    #[tokio::test]
    async fn a_token_is_good_once_and_for_one_build() {
        let tickets = Tickets::default();
        let (mut one, other) = (tickets.issue(), tickets.issue());
        assert_ne!(one.token().expose_secret(), other.token().expose_secret());
        let (token, late) = (one.token().clone(), other.token().clone());
        assert!(tickets.redeem(&"guess".to_owned().into(), arrival()).is_err());
        assert!(tickets.redeem(&token, arrival()).is_ok());
        assert!(tickets.redeem(&token, arrival()).is_err());
        one.redeemed().await.unwrap();
        drop(other);
        assert!(tickets.redeem(&late, arrival()).is_err());
        assert!(tickets.waiting.lock().is_empty());
    }
}
