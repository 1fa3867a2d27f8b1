use jiff::Timestamp;

/// How far a log was shown. A new connection begins with the second in which the old one broke off (Kubernetes has no finer
/// mark), so that some lines come again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Position {
    /// Of the line that was shown last.
    last: Option<Timestamp>,
    /// How many lines in a row have this time.
    alike: usize,
    /// Of these, how many are still to come again; `None` when what comes is new.
    repeated: Option<usize>,
}

impl Position {
    pub(super) const fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// The log is read again from the second of the last line on.
    pub(super) fn resume(&mut self) {
        self.repeated = self.last.map(|_shown| self.alike);
    }

    /// Another log goes on where this one ended: all of it is new.
    pub(super) const fn restart(&mut self) {
        self.repeated = None;
    }

    /// Whether the next line of the log, of this time, has not been shown yet. Two streams of one process may have times out of
    /// order, so it is the place behind the last line that counts, and not the time.
    pub(super) fn is_new(&mut self, time: Timestamp) -> bool {
        if let (Some(last), Some(repeated)) = (self.last, self.repeated) {
            if time < last {
                return false;
            }
            self.repeated = if time == last { repeated.checked_sub(1).filter(|left| *left > 0) } else { None };
            if time == last && repeated > 0 {
                return false;
            }
        }
        self.alike = if self.last == Some(time) { self.alike + 1 } else { 1 };
        self.last = Some(time);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the lines, by their nanoseconds, are shown.
    fn shown(position: &mut Position, times: &[i128]) -> Vec<i128> {
        let new = |time: &&i128| position.is_new(Timestamp::from_nanosecond(**time).unwrap());
        times.iter().filter(new).copied().collect()
    }

    #[test]
    fn what_comes_again_is_left_out_and_nothing_else() {
        let mut position = Position::default();
        assert_eq!(shown(&mut position, &[1, 2, 3, 3]), [1, 2, 3, 3]);
        position.resume();
        assert_eq!(shown(&mut position, &[1, 2, 3, 3, 3, 4]), [3, 4]);
        position.resume();
        assert_eq!(shown(&mut position, &[4]), [0; 0]);
        assert_eq!(shown(&mut position, &[5]), [5]);
    }

    #[test]
    fn times_out_of_order_lose_nothing() {
        let mut position = Position::default();
        assert_eq!(shown(&mut position, &[5, 4, 6]), [5, 4, 6]);
        position.resume();
        assert_eq!(shown(&mut position, &[5, 4, 6, 5, 7]), [5, 7]);
    }

    #[test]
    fn the_next_process_may_begin_before_the_last_ended() {
        let mut position = Position::default();
        shown(&mut position, &[5]);
        position.restart();
        assert_eq!(shown(&mut position, &[4, 6]), [4, 6]);
        let mut fresh = Position::default();
        fresh.resume();
        assert_eq!(shown(&mut fresh, &[1]), [1]);
    }
}
