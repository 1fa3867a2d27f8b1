//! On whose behalf something is done: what the ledger notes with each change.
//!
//! It goes with the task, as a span does, so that no function between the door and the ledger has to hand it on; what a task has
//! others do takes it along ([`Acting::current`], [`Acting::scope`]). Where nobody is set, it is the platform itself.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use deis_api::Username;

tokio::task_local! {
    static ACTING: Acting;
}

/// Who does something, and where he called from.
#[derive(Clone, Debug, Default)]
pub struct Acting {
    /// Known as soon as his credentials were read.
    user: Arc<OnceLock<Username>>,
    address: Option<IpAddr>,
}

impl Acting {
    /// Somebody who has called from here, and may say who he is.
    #[must_use]
    pub fn calling_from(address: Option<IpAddr>) -> Self {
        Self { user: Arc::default(), address }
    }

    /// A user.
    #[must_use]
    pub fn user(username: Username) -> Self {
        Self { user: Arc::new(OnceLock::from(username)), address: None }
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

    /// Where he called from, if that is known.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
