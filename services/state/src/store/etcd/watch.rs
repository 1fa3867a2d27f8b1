use std::collections::VecDeque;
use std::sync::Arc;

use backon::Retryable as _;
use etcd_client::{Error, EventType, WatchOptions, WatchResponse, WatchStream};

use super::link::Link;
use super::{LARGEST_ANSWER, entry};
use crate::patience::patience;
use crate::store::{Change, Compacted, Keys, Revision, Watch};

/// A watch that goes on where it was when the connection breaks.
#[derive(Debug)]
pub struct EtcdWatch {
    link: Arc<Link>,
    keys: Keys,
    /// The first revision that was not seen yet.
    next: i64,
    stream: Option<WatchStream>,
    pending: VecDeque<Change>,
}

impl EtcdWatch {
    pub(super) fn new(link: Arc<Link>, keys: Keys, after: Revision) -> Self {
        Self { link, keys, next: after.0 + 1, stream: None, pending: VecDeque::new() }
    }

    /// Opens a stream from where the last one ended, however often it takes.
    async fn open(&self) -> Option<WatchStream> {
        let attempt = || self.attempt();
        let report = |error: &Error, pause| tracing::warn!(%error, ?pause, keys = ?self.keys, "cannot watch etcd");
        attempt.retry(patience()).notify(report).await.ok()
    }

    async fn attempt(&self) -> Result<WatchStream, Error> {
        let options = WatchOptions::new().with_start_revision(self.next).with_progress_notify();
        let (key, options) = match &self.keys {
            Keys::One(key) => (key, options),
            Keys::Under(prefix) => (prefix, options.with_prefix()),
        };
        let mut client = self.link.client().watch_client().max_decoding_message_size(LARGEST_ANSWER);
        let mut stream = client.watch(key.as_str(), Some(options)).await?;
        // The first answer says that the watch was made. Without it this would be tried again without a pause.
        match stream.message().await? {
            Some(answer) if answer.created() && !answer.canceled() => Ok(stream),
            Some(answer) => Err(Error::WatchError(answer.cancel_reason().to_owned())),
            None => Err(Error::WatchError("the stream ended".to_owned())),
        }
    }

    fn take(&mut self, answer: &WatchResponse) {
        let changes = answer.events().iter().filter_map(|event| {
            let pair = event.kv()?;
            Some(match event.event_type() {
                EventType::Put => Change::Put(entry(pair)),
                EventType::Delete => Change::Deleted {
                    key: String::from_utf8_lossy(pair.key()).into_owned(),
                    revision: Revision(pair.mod_revision()),
                },
            })
        });
        self.pending.extend(changes);
        // All changes of one revision come in one answer. An answer without changes says that there were none until then, which
        // keeps a watch of quiet keys clear of compaction.
        let seen = match self.pending.back() {
            Some(last) => last.revision().0,
            None => answer.header().map_or(0, etcd_client::ResponseHeader::revision),
        };
        self.next = self.next.max(seen + 1);
    }
}

impl Watch for EtcdWatch {
    async fn next(&mut self) -> Result<Change, Compacted> {
        loop {
            if let Some(change) = self.pending.pop_front() {
                return Ok(change);
            }
            let Some(stream) = &mut self.stream else {
                self.stream = self.open().await;
                continue;
            };
            match stream.message().await {
                Ok(Some(answer)) if answer.compact_revision() > 0 => {
                    self.stream = None;
                    return Err(Compacted);
                }
                Ok(Some(answer)) if !answer.canceled() => self.take(&answer),
                ended => {
                    tracing::debug!(?ended, keys = ?self.keys, "a watch of etcd ended; going on from where it was");
                    self.stream = None;
                }
            }
        }
    }
}
