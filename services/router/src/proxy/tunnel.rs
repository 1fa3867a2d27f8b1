use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deis_bootstrap::{DeadlineExceeded, deadline};
use futures_util::future::select;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio_util::sync::CancellationToken;

use super::websocket::{Farewell, Speaker};

const BUFFER: usize = 16 * 1024;

/// How long one end may go on when the other has said all it had to say.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How long the two sides of a websocket have to say goodbye when the router ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Copies bytes both ways until both ends have closed, one fails, nothing has moved either way for `idle`, or `cut` is cancelled.
pub(crate) async fn tunnel<A, B>(one: A, other: B, idle: Duration, cut: &CancellationToken)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (one, other) = (split(one), split(other));
    relay(one, other, idle, cut.cancelled()).await;
}

/// The same for a websocket: when `cut` is cancelled both sides are sent a close frame with status 1001, and have a moment to close.
pub(crate) async fn tunnel_websocket<A, B>(client: A, pod: B, idle: Duration, cut: &CancellationToken)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let ((client_reads, client_writes), (pod_reads, pod_writes)) = (split(client), split(pod));
    let client_reads = Farewell::new(client_reads, Speaker::Client, cut);
    let pod_reads = Farewell::new(pod_reads, Speaker::Server, cut);
    let end = async {
        cut.cancelled().await;
        let _late = deadline(FAREWELL, std::future::pending::<()>()).await;
    };
    relay((client_reads, client_writes), (pod_reads, pod_writes), idle, end).await;
}

async fn relay(
    (one_reads, one_writes): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    (other_reads, other_writes): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    idle: Duration,
    end: impl Future<Output = ()>,
) {
    let activity = Activity { start: Instant::now(), last: AtomicU64::new(0) };
    let there = pin!(pump(one_reads, other_writes, idle, &activity));
    let back = pin!(pump(other_reads, one_writes, idle, &activity));
    let both = async {
        let (first, rest) = select(there, back).await.factor_first();
        first?;
        deadline(LAST_WORDS, rest).await.map_err(timed_out)?
    };
    tokio::select! {
        ended = both => if let Err(error) = ended {
            tracing::debug!(%error, "a tunnel ended");
        },
        () = end => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    idle: Duration,
    activity: &Activity,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match deadline(idle, from.read(&mut buffer)).await {
            Ok(count) => count?,
            // The other direction is alive.
            Err(_late) if activity.within(idle) => continue,
            Err(late) => return Err(timed_out(late)),
        };
        activity.note();
        match buffer.get(..count) {
            None | Some([]) => return to.shutdown().await,
            Some(data) => deadline(idle, to.write_all(data)).await.map_err(timed_out)??,
        }
        activity.note();
    }
}

fn timed_out(late: DeadlineExceeded) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, late)
}

/// When anything moved last, in either direction: milliseconds after `start`.
struct Activity {
    start: Instant,
    last: AtomicU64,
}

impl Activity {
    fn note(&self) {
        self.last.store(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn within(&self, limit: Duration) -> bool {
        self.start.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed))) < limit
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test]
    async fn both_directions_flow_and_close_by_themselves() {
        let ((mut left, one), (mut right, other)) = (duplex(64), duplex(64));
        let cut = CancellationToken::new();
        let talk = async {
            left.write_all(b"question").await.unwrap();
            left.shutdown().await.unwrap();
            let mut question = String::new();
            right.read_to_string(&mut question).await.unwrap();
            right.write_all(b"answer").await.unwrap();
            drop(right);
            let mut answer = String::new();
            left.read_to_string(&mut answer).await.unwrap();
            (question, answer)
        };
        let (talked, ()) = tokio::join!(talk, tunnel(one, other, Duration::from_secs(60), &cut));
        assert_eq!(talked, ("question".to_owned(), "answer".to_owned()));
    }

    #[tokio::test]
    async fn silence_ends_it() {
        let ((mut left, one), (_right, other)) = (duplex(64), duplex(64));
        tunnel(one, other, Duration::from_millis(20), &CancellationToken::new()).await;
        assert_eq!(left.read(&mut [0; 1]).await.unwrap(), 0);
    }
}
