//! The source, as the pod gets it.

use std::io;

use bytes::BytesMut;
use deis_proto::builder::BuilderMessage;
use deis_proto::builder::builder_message::{Message, SourceEnd};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc::Sender;

use super::Order;
use super::inspect::Inspector;
use crate::Error;
use crate::git::read_to_limit;
use crate::hook::Lines;

/// Most bytes that a message carries.
pub(super) const CHUNK: usize = 64 * 1024;

/// Streams the files of the commit. A pod that does not listen any more is not our failure: it will say why.
pub(super) async fn send(
    order: &Order,
    max_bytes: u64,
    outgoing: &Sender<BuilderMessage>,
    lines: &Lines,
) -> Result<(), Error> {
    let broken = || Error::io("read the commit");
    let mut child = order.repository.archive(&order.sha, &order.quarantine).map_err(broken())?;
    let (_, stdout, stderr) = child.pipes();
    let copy = async {
        let mut stdout = stdout.ok_or_else(|| broken()(io::ErrorKind::BrokenPipe.into()))?;
        let mut buffer = BytesMut::new();
        let mut sent = 0;
        let mut inspector = Inspector::default();
        loop {
            buffer.reserve(CHUNK);
            // What was reserved may be more than was asked for.
            let read = (&mut stdout).take(CHUNK as u64).read_buf(&mut buffer).await.map_err(broken())?;
            if read == 0 {
                return Ok(Some(inspector));
            }
            sent += read as u64;
            if sent > max_bytes {
                return Err(Error::TooLarge { what: "The files of a commit", limit: max_bytes });
            }
            inspector.feed(&buffer);
            if !tell(outgoing, Message::SourceChunk(buffer.split().freeze())).await {
                return Ok(None);
            }
        }
    };
    let (whole, printed) = tokio::join!(copy, read_to_limit(stderr));
    let Some(inspector) = whole? else { return Ok(()) };
    match child.wait().await.map_err(broken())? {
        0 => {
            for remark in inspector.remarks() {
                lines.say(format!(" !     {remark}")).await;
            }
            tell(outgoing, Message::SourceEnd(SourceEnd {})).await;
            Ok(())
        }
        _ => {
            let printed = String::from_utf8_lossy(&printed.map_err(broken())?).trim().to_owned();
            Err(broken()(io::Error::other(printed)))
        }
    }
}

/// Whether the pod listens.
pub(super) async fn tell(outgoing: &Sender<BuilderMessage>, message: Message) -> bool {
    outgoing.send(BuilderMessage { message: Some(message) }).await.is_ok()
}
