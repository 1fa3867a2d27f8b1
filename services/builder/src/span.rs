//! Spans of time for people.

use std::time::Duration;

/// "45 s", "15 min", "1 min 30 s": whole seconds, and no less than there are.
pub(crate) fn human(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_for_people() {
        for (milliseconds, text) in
            [(0, "0 s"), (1, "1 s"), (59_000, "59 s"), (60_000, "1 min"), (90_000, "1 min 30 s"), (900_000, "15 min")]
        {
            assert_eq!(human(Duration::from_millis(milliseconds)), text, "{milliseconds} ms");
        }
    }
}
