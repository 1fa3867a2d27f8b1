//! Leadership: candidates queue in the order in which they came, the first one leads.
//!
//! Each candidate is a key on its own lease, "/deis/elections/{election}:{lease}"; the oldest key is the leader's. A candidate that
//! comes again with the same lease, because its stream broke, keeps its place; the stream that it had before has lost.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::follow::{Followed, Follower};
use crate::names::Path;
use crate::store::{Change, Commit, Entry, Keys, LeaseId, Outcome, Revision, Store};

/// What the keys of candidates begin with; the election's name and the lease come behind.
pub(crate) const UNDER: &str = "/deis/elections/";

/// What a candidate is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Another one leads.
    Waiting {
        /// Its name.
        leader: String,
    },
    /// The candidate leads.
    Elected {
        /// Grows with every term.
        term: Revision,
    },
    /// The candidate's lease is gone, or another stream stands for it. Nothing comes after it.
    Lost,
}

/// One candidate in one election.
#[derive(Debug)]
pub struct Candidacy<S: Store> {
    store: S,
    key: String,
    revision: Revision,
    follower: Follower<S>,
    /// All candidates by key.
    candidates: BTreeMap<String, Entry>,
    told: Option<Standing>,
}

impl<S: Store> Candidacy<S> {
    /// Stands for election.
    ///
    /// # Errors
    /// [`Error::LeaseGone`], [`Error::Unavailable`].
    pub async fn enter(store: &S, election: &Path, lease: LeaseId, candidate: &str) -> Result<Self, Error> {
        let queue = queue(election);
        let key = format!("{queue}{:016x}", lease.0);
        let revision = match store.commit(Commit::new().put_leased(&key, candidate, lease)).await? {
            Outcome::Committed(revision) => revision,
            Outcome::Refused(_) => return Err(Error::Contended(key)),
        };
        let follower = Follower::new(store, Keys::Under(queue));
        Ok(Self { store: store.clone(), key, revision, follower, candidates: BTreeMap::new(), told: None })
    }

    /// Waits for the candidate's standing to change; the first call says what it is. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn next(&mut self) -> Result<Standing, Error> {
        loop {
            match self.follower.next().await? {
                Followed::Snapshot(now) => {
                    self.candidates = now.entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
                }
                Followed::Change(Change::Put(entry)) => {
                    self.candidates.insert(entry.key.clone(), entry);
                }
                Followed::Change(Change::Deleted { key, .. }) => {
                    self.candidates.remove(&key);
                }
            }
            let standing = self.standing();
            if self.told.as_ref() != Some(&standing) {
                self.told = Some(standing.clone());
                return Ok(standing);
            }
        }
    }

    /// Leaves the queue, unless another stream stands for the candidate by now.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the lease's end will do it then.
    pub async fn resign(self) -> Result<(), Error> {
        self.store.commit(Commit::new().expect(&self.key, self.revision).delete(&self.key)).await?;
        Ok(())
    }

    fn standing(&self) -> Standing {
        let own = self.candidates.get(&self.key).filter(|own| own.revision == self.revision);
        let first = first(self.candidates.values());
        match (own, first) {
            (Some(own), Some(first)) if own.key == first.key => Standing::Elected { term: own.created },
            (Some(_), Some(first)) => Standing::Waiting { leader: name_of(first) },
            _ => Standing::Lost,
        }
    }
}

/// What the keys of an election's candidates begin with.
pub(crate) fn queue(election: impl std::fmt::Display) -> String {
    format!("{UNDER}{election}:")
}

/// The candidate who leads: the one who came first.
pub(crate) fn first<'a>(candidates: impl Iterator<Item = &'a Entry>) -> Option<&'a Entry> {
    candidates.min_by_key(|candidate| candidate.created)
}

/// What a candidate is called.
pub(crate) fn name_of(candidate: &Entry) -> String {
    String::from_utf8_lossy(&candidate.value).into_owned()
}
