//! Being asked to end: whatever is half-way is taken back first, and the exit code still says by what.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use deis_cli::Failure;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks this process to end: Ctrl-C, SIGTERM, or a terminal that is gone. While somebody listens, and ever after, none of them
/// ends the process by itself. One that whoever started us has ignored, as `nohup` does with SIGHUP, stays ignored.
pub(crate) struct Stop {
    /// Each with the exit status that tells of it.
    heard: Vec<(u8, Signal)>,
}

impl Stop {
    /// To be called before there is anything that must not stay behind: what comes from now on is not missed.
    pub(crate) fn listen() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let heard = kinds.into_iter().filter(|kind| !is_ignored(&status, kind.as_raw_value()));
        let heard = heard.map(|kind| Ok((exit_status(kind), signal(kind)?)));
        Ok(Self { heard: heard.collect::<io::Result<_>>()? })
    }

    /// Works until one of them comes, or has come; `stopped` is given the exit status.
    pub(crate) async fn unless<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failure>>,
        stopped: impl FnOnce(u8) -> Failure,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            status = self.asked() => Err(stopped(status)),
            done = work => done,
        }
    }

    async fn asked(&mut self) -> u8 {
        poll_fn(|context| {
            let mut asked = self.heard.iter_mut().filter_map(|(status, signal)| match signal.poll_recv(context) {
                Poll::Ready(_) => Some(*status),
                Poll::Pending => None,
            });
            asked.next().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// As a shell counts it: 128 and the signal's number.
fn exit_status(kind: SignalKind) -> u8 {
    u8::try_from(128 + kind.as_raw_value()).unwrap_or(u8::MAX)
}

/// What Linux says of a process; elsewhere nothing is known to be ignored.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use deis_cli::Kind;
    use nix::sys::signal::{Signal, raise};

    use super::*;

    /// One test: a signal is for the whole process.
    #[tokio::test]
    async fn whoever_asks_us_to_end_is_heard() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        // The tests may themselves have been started by `nohup`, or in the background of a script.
        let signals = [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)];
        let heard = signals.into_iter().filter(|(signal, _)| !is_ignored(&status, *signal as i32));
        let heard = heard.collect::<Vec<_>>();
        assert!(heard.contains(&(Signal::SIGTERM, 143)));
        for (asks, status) in heard {
            let mut stop = Stop::listen().unwrap();
            assert_eq!(stop.unless(async { Ok(1) }, Failure::ended).await.unwrap(), 1);
            // Between two pieces of work.
            raise(asks).unwrap();
            let stopped = stop.unless(pending::<Result<(), _>>(), Failure::ended).await.unwrap_err();
            assert_eq!(stopped.kind(), Kind::Ended(status));
        }
    }

    #[test]
    fn what_is_ignored_stays_so() {
        let status = "Name:\tdeisctl\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, 1) && !is_ignored(status, 2) && is_ignored(status, 13) && !is_ignored("", 1));
    }
}
