//! Where to go on in files that were renamed, compressed and removed while nobody looked.

/// More than any file has: where positions go on when nobody knows how long the files were that are gone.
pub(super) const GAP: u64 = 1 << 32;

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// Of the files that are there, the first that is to be read.
    pub(super) index: usize,
    /// The position of its first byte.
    pub(super) base: u64,
    /// The position from which it is to be read.
    pub(super) position: u64,
    /// Something was to be read that is gone.
    pub(super) is_lost: bool,
}

/// Says where to go on, of files that had these first positions, oldest first, and are found now at these places in their row.
/// Everything before `acknowledged` is stored.
///
/// Files go oldest first, and come at the end. So whatever was known to follow a file that is still there follows it now, also a
/// file of which too little was known to find it.
pub(super) fn start(bases: &[u64], found: &[Option<usize>], acknowledged: u64) -> Start {
    // The file that holds what is next. What is before all that is remembered was given up.
    let needed = bases.iter().rposition(|base| *base <= acknowledged);
    let first = needed.unwrap_or(0);
    for (number, base, place) in bases.iter().zip(found).enumerate().skip(first).map(|(n, (b, p))| (n, *b, *p)) {
        if let Some(index) = place {
            let is_lost = number > first || needed.is_none();
            return Start { index, base, position: acknowledged.max(base), is_lost };
        }
    }
    let before = found.iter().take(first).rposition(Option::is_some);
    let Some((number, base)) = before.zip(bases.get(first)) else {
        if acknowledged == 0 && first == 0 {
            return Start { index: 0, base: 0, position: 0, is_lost: false };
        }
        let known = bases.last().copied().unwrap_or(0).max(acknowledged);
        let base = known.next_multiple_of(GAP) + GAP;
        return Start { index: 0, base, position: base, is_lost: true };
    };
    let place = found.get(number).copied().flatten().unwrap_or(0);
    Start { index: place + first - number, base: *base, position: acknowledged.max(*base), is_lost: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: usize, base: u64, position: u64, is_lost: bool) -> Start {
        Start { index, base, position, is_lost }
    }

    #[test]
    fn in_the_middle_of_the_file_that_was_being_read() {
        assert_eq!(start(&[0], &[Some(0)], 7), at(0, 0, 7, false));
        assert_eq!(start(&[0, 100], &[Some(0), Some(1)], 107), at(1, 100, 107, false));
        // Two files that nobody knew have come since.
        assert_eq!(start(&[0, 100], &[None, Some(0)], 107), at(0, 100, 107, false));
        // The end of one file is the beginning of the next.
        assert_eq!(start(&[0, 100], &[Some(0), Some(1)], 100), at(1, 100, 100, false));
        assert_eq!(start(&[0, 100], &[Some(0), Some(1)], 99), at(0, 0, 99, false));
    }

    #[test]
    fn after_the_last_one_that_was_read_if_the_next_was_empty_then() {
        assert_eq!(start(&[0, 100], &[Some(0), None], 100), at(1, 100, 100, false));
        assert_eq!(start(&[0, 100, 200], &[Some(3), None, None], 200), at(5, 200, 200, false));
        assert_eq!(start(&[0], &[None], 0), at(0, 0, 0, false), "nothing was ever read");
    }

    #[test]
    fn what_is_gone_is_lost() {
        assert_eq!(start(&[0, 100], &[None, Some(0)], 50), at(0, 100, 100, true));
        assert_eq!(start(&[100, 200], &[Some(0), Some(1)], 50), at(0, 100, 100, true));
        assert_eq!(start(&[0, 100], &[None, None], 107), at(0, 2 << 32, 2 << 32, true));
        assert_eq!(start(&[0, (2 << 32) + 1], &[None, None], 7), at(0, 4 << 32, 4 << 32, true));
        assert_eq!(start(&[], &[], 7), at(0, 2 << 32, 2 << 32, true));
    }
}
