//! Whether an address takes connections, as far as its last tries tell. Values alone: times are what has passed since some moment.

use std::time::Duration;

/// So many tries in a row that no connection came of eject an address.
const IN_A_ROW: u32 = 3;
/// For how long at first; twice as long after each further try.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);

/// What the tries so far say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    refused: u32,
    ejected: Option<Ejection>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ejection {
    lasts: Duration,
    until: Duration,
}

/// How an address is to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As any other.
    Good,
    /// When there is nothing else.
    Ejected,
    /// The next request is to see whether it is back.
    Due,
}

impl Standing {
    pub(super) fn state(&self, now: Duration) -> State {
        match &self.ejected {
            None => State::Good,
            Some(ejection) if now < ejection.until => State::Ejected,
            Some(_) => State::Due,
        }
    }

    /// Makes the caller the one who tries an ejected address again. Should nothing be heard of that try, another one is due as long
    /// after this one.
    pub(super) fn claim(&mut self, now: Duration) -> bool {
        match &mut self.ejected {
            Some(ejection) if now >= ejection.until => {
                ejection.until = now + ejection.lasts;
                true
            }
            _ => false,
        }
    }

    /// No connection came about; for how long the address is ejected, if it is now. While it is ejected only what the one says
    /// counts who was to try it: others may have begun long before.
    pub(super) fn refused(&mut self, now: Duration, claimed: bool) -> Option<Duration> {
        let lasts = match &self.ejected {
            Some(_) if !claimed => return None,
            Some(ejection) => (ejection.lasts * 2).min(LONGEST),
            None => {
                self.refused += 1;
                if self.refused < IN_A_ROW {
                    return None;
                }
                FIRST
            }
        };
        self.ejected = Some(Ejection { lasts, until: now + lasts });
        Some(lasts)
    }

    /// It has taken a connection, or answered; whether it was ejected.
    pub(super) fn accepted(&mut self) -> bool {
        std::mem::take(self).ejected.is_some()
    }

    /// Whether there is nothing to forget.
    pub(super) fn is_spotless(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ejected() -> Standing {
        let mut standing = Standing::default();
        assert_eq!([standing.refused(at(0), false), standing.refused(at(0), false)], [None, None]);
        assert_eq!(standing.refused(at(0), false), Some(FIRST));
        standing
    }

    #[test]
    fn several_in_a_row_eject_and_one_that_is_taken_begins_anew() {
        let mut standing = Standing::default();
        for _ in 0..10 {
            assert_eq!(standing.refused(at(0), false), None);
            assert_eq!(standing.refused(at(0), false), None);
            assert!(!standing.accepted());
        }
        assert_eq!((standing.state(at(0)), standing.is_spotless()), (State::Good, true));
        assert_eq!((ejected().state(at(0)), ejected().is_spotless()), (State::Ejected, false));
    }

    #[test]
    fn one_request_tries_it_again() {
        let mut standing = ejected();
        assert!(!standing.claim(at(0)));
        assert_eq!(standing.state(FIRST), State::Due);
        assert!(standing.claim(FIRST));
        assert!(!standing.claim(FIRST), "and no other one");
        assert_eq!(standing.state(FIRST), State::Ejected);
        // Nothing is heard of the one who was to try.
        assert!(standing.claim(FIRST * 2));
        assert!(standing.accepted());
        assert_eq!(standing, Standing::default());
    }

    #[test]
    fn the_time_doubles_up_to_a_ceiling() {
        let mut standing = ejected();
        let mut now = at(0);
        let lasts = std::iter::from_fn(|| {
            now += LONGEST;
            assert!(standing.claim(now));
            standing.refused(now, true).map(|lasts| lasts.as_secs())
        });
        assert_eq!(lasts.take(5).collect::<Vec<_>>(), [2, 4, 5, 5, 5]);
    }

    #[test]
    fn tries_that_began_before_make_it_no_longer() {
        let mut standing = ejected();
        let before = standing.clone();
        assert_eq!(standing.refused(at(20), false), None);
        assert_eq!(standing, before);
    }
}
