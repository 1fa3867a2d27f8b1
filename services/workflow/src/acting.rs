//! On whose behalf something is done: what the ledger notes with each change.
//!
//! It goes with the task, as a span does, so that no function between the door and the ledger has to hand it on; what a task has
//! others do takes it along ([`Acting::current`], [`Acting::scope`]). Where nobody is set, it is the platform itself.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

use deis_api::Username;

use crate::ledger::Attempt;

tokio::task_local! {
    static ACTING: Acting;
}

/// Who does something, and where he called from.
#[derive(Clone, Debug, Default)]
pub struct Acting {
    /// Known as soon as his credentials were read.
    user: Arc<OnceLock<Username>>,
    address: Option<IpAddr>,
    /// What it is part of, if it is known again by a key.
    attempt: Option<Attempt>,
}

impl Acting {
    /// Somebody who has called from here, and may say who he is.
    #[must_use]
    pub fn calling_from(address: Option<IpAddr>) -> Self {
        Self { user: Arc::default(), address, attempt: None }
    }

    /// A user.
    #[must_use]
    pub fn user(username: Username) -> Self {
        Self { user: Arc::new(OnceLock::from(username)), address: None, attempt: None }
    }

    /// Whoever acts in this task.
    #[must_use]
    pub fn current() -> Self {
        ACTING.try_with(Clone::clone).unwrap_or_default()
    }

    /// Does something on his behalf.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        ACTING.scope(self, work).await
    }

    /// Notes who it is that acts in this task; the first one stays.
    pub fn identify(username: &Username) {
        // Outside of every scope the platform acts.
        let _outside = ACTING.try_with(|acting| acting.user.get_or_init(|| username.clone()).clone());
    }

    /// The user, if one acts.
    #[must_use]
    pub fn username(&self) -> Option<&Username> {
        self.user.get()
    }

    /// With whom limits count him: his IPv4 address, or the /64 of his IPv6 address, which is the least that one customer has (RFC 6177).
    #[must_use]
    pub fn origin(&self) -> Option<IpAddr> {
        self.address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// Where he called from, if that is known.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The same, at work on a request that is known again by its key.
    #[must_use]
    pub fn at(self, attempt: Attempt) -> Self {
        Self { attempt: Some(attempt), ..self }
    }

    /// What it is part of, if it is known again by a key.
    #[must_use]
    pub const fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref()
    }

    /// Says at which path that can be read which the answer shows, by its segments below `/v2`: a repeat is shown it from there. Where
    /// the ledger is changed, this comes before.
    pub fn refer_to(segments: &[&str]) {
        if let Some(attempt) = Self::current().attempt() {
            attempt.refer_to(segments);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_origin() {
        let origin = |text: &str| Acting::calling_from(text.parse().ok()).origin().map(|address| address.to_string());
        assert_eq!(origin("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(origin("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(origin("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::"));
        assert_eq!(origin("nowhere"), None);
    }

    #[tokio::test]
    async fn it_goes_with_the_task_and_not_beyond() {
        let bob = "bob".parse::<Username>().unwrap();
        Acting::identify(&bob);
        assert_eq!(Acting::current().username(), None, "outside of a scope nobody is kept");
        let address = "192.0.2.7".parse().unwrap();
        let taken = Acting::calling_from(Some(address)).scope(async {
            let before = Acting::current();
            Acting::identify(&bob);
            Acting::identify(&"eve".parse().unwrap());
            // What was taken along before he was known knows him as well.
            (before, Acting::current())
        });
        let (before, after) = taken.await;
        assert_eq!((before.username(), after.username()), (Some(&bob), Some(&bob)));
        assert_eq!(after.address(), Some(address));
        assert_eq!(Acting::current().address(), None);
    }
}
