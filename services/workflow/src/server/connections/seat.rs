use std::time::Duration;

use deis_bootstrap::{Companion, Stalled};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::refusals::Refusals;
use crate::limit::Limit;

/// A connection and its place among those that there may be, for as long as it is open, also when it has become a websocket. It fails when
/// its other end takes nothing of what is sent.
pub(super) type Seat = Stalled<TcpStream, Place>;

#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    refusals: Refusals,
}

impl Companion for Place {
    fn given_up(&mut self) {
        self.refusals.count(Limit::AnswerTime);
    }
}

pub(super) fn seat(stream: TcpStream, stall: Duration, permit: OwnedSemaphorePermit, refusals: Refusals) -> Seat {
    // Small answers are to leave at once; it fails only on a dead connection.
    drop(stream.set_nodelay(true));
    Stalled::new(stream, stall, Place { _permit: permit, refusals })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up_and_his_place_is_free() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let places = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&places).acquire_owned().await.unwrap();
        let (stream, refusals) = (listener.accept().await.unwrap().0, Refusals::default());
        let mut seat = seat(stream, Duration::from_millis(100), permit, refusals.clone());
        // More than all buffers between them hold.
        let failed = seat.write_all(&vec![0; 64 << 20]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert_eq!(refusals.of(Limit::AnswerTime), 1);
        assert_eq!(places.available_permits(), 0);
        drop(seat);
        assert_eq!(places.available_permits(), 1);
    }
}
