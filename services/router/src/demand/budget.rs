//! How many requests may be sent a second time. Values alone: times are what has passed since some moment.

use std::time::Duration;

/// At most one in so many of the last requests ...
const SHARE: u64 = 5;
/// ... and never fewer than this, so that an app with few requests has second tries at all.
const FLOOR: u64 = 100;
/// The last requests are those of so many of these.
const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_secs(1);

/// The requests and second tries of one app over the last [`SLOTS`].
#[derive(Clone, Debug, Default)]
pub(super) struct Budget {
    slots: [Slot; SLOTS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which one, counted from the beginning.
    number: u64,
    requests: u32,
    retries: u32,
}

impl Budget {
    pub(super) fn count_request(&mut self, now: Duration) {
        if let Some(slot) = self.slot(now) {
            slot.requests = slot.requests.saturating_add(1);
        }
    }

    /// Takes one second try, if there is one left.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let oldest = number(now).saturating_sub(SLOTS as u64 - 1);
        let recent = self.slots.iter().filter(|slot| slot.number >= oldest);
        let (requests, retries) = recent.fold((0, 0), |(requests, retries), slot| {
            (requests + u64::from(slot.requests), retries + u64::from(slot.retries))
        });
        if retries >= (requests / SHARE).max(FLOOR) {
            return false;
        }
        if let Some(slot) = self.slot(now) {
            slot.retries = slot.retries.saturating_add(1);
        }
        true
    }

    fn slot(&mut self, now: Duration) -> Option<&mut Slot> {
        let number = number(now);
        let place = usize::try_from(number % SLOTS as u64).unwrap_or_default();
        let slot = self.slots.get_mut(place)?;
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        Some(slot)
    }
}

fn number(now: Duration) -> u64 {
    now.as_secs() / SLOT.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn with_requests(now: Duration, count: u32) -> Budget {
        let mut budget = Budget::default();
        (0..count).for_each(|_| budget.count_request(now));
        budget
    }

    /// How many there are at this moment.
    fn left(budget: &mut Budget, now: Duration) -> usize {
        std::iter::from_fn(|| budget.take(now).then_some(())).take(10_000).count()
    }

    #[test]
    fn a_share_of_the_requests_and_a_few_in_any_case() {
        assert_eq!(left(&mut Budget::default(), at(0)), 100);
        assert_eq!(left(&mut with_requests(at(0), 499), at(0)), 100);
        assert_eq!(left(&mut with_requests(at(0), 1000), at(0)), 200);
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let mut budget = with_requests(at(100), 1000);
        assert_eq!(left(&mut budget.clone(), at(109)), 200);
        assert_eq!(left(&mut budget.clone(), at(110)), 100, "the requests are forgotten");
        assert_eq!(left(&mut budget, at(100)), 200);
        assert_eq!(left(&mut budget, at(109)), 0);
        assert_eq!(left(&mut budget, at(110)), 100, "so are the second tries");
        assert_eq!(left(&mut budget, at(1_000_003)), 100);
    }

    /// An app that is dead does not get twice its requests.
    #[test]
    fn over_any_time_it_is_a_share() {
        let mut budget = Budget::default();
        let mut retries = 0;
        for n in 0..60_000 {
            let now = Duration::from_millis(n);
            budget.count_request(now);
            retries += u32::from(budget.take(now));
        }
        assert!((11_000..=12_100).contains(&retries), "{retries} of 60000");
    }
}
