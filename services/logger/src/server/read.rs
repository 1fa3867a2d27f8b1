//! Lines for readers.

use std::sync::Arc;

use deis_proto::logger::entry::{CaughtUp, Entry as Kind};
use deis_proto::logger::{Entry, ReadRequest};
use futures_util::stream::{self, StreamExt as _};

use super::{Answers, Edge, MOST_FOLLOWERS, MOST_READERS, app, now_micros};
use crate::error::Error;
use crate::metrics::Presence;
use crate::store::follow::Follower;
use crate::store::read::Filter;

/// How many entries those get who do not say.
const USUAL: u32 = 100;

pub(super) async fn read(edge: &Edge, request: ReadRequest) -> Result<Answers<Entry>, Error> {
    let ReadRequest { app: name, lines, process, since_micros, follow } = request;
    let app = app(&name)?;
    let presence = follow.then(|| presence(edge)).transpose()?;
    let most = if lines == 0 { USUAL } else { lines };
    let filter = Filter { process, since_micros };
    let reading = Arc::clone(&edge.reading).try_acquire_owned();
    let reading = reading.map_err(|_full| Error::TooMany("read", MOST_READERS))?;
    let mut history = edge.store.newest(&app, most as usize, &filter).await?;
    let entries = stream::iter(std::mem::take(&mut history.entries)).map(move |entry| {
        // Held until the last of them is on its way.
        let _reading = &reading;
        Ok(entry)
    });
    let Some(presence) = presence else { return Ok(edge.answers(entries)) };

    let caught_up = Entry { time_micros: now_micros(), entry: Some(Kind::CaughtUp(CaughtUp {})) };
    let follower = Follower::new(edge.store.clone(), app, filter, &history);
    let news = stream::try_unfold((follower, presence), async |(mut follower, presence)| {
        let entries = follower.next().await?;
        Ok(entries.map(|entries| (entries, (follower, presence))))
    });
    let news = news.flat_map(|group| match group {
        Ok(entries) => stream::iter(entries).map(Ok).left_stream(),
        Err(error) => stream::once(std::future::ready(Err(error))).right_stream(),
    });
    Ok(edge.answers(entries.chain(stream::iter([Ok(caught_up)])).chain(news)))
}

fn presence(edge: &Edge) -> Result<Presence, Error> {
    let room = Arc::clone(&edge.room).try_acquire_owned();
    let room = room.map_err(|_full| Error::TooMany("follow", MOST_FOLLOWERS))?;
    Ok(Presence::new(&edge.counts, room))
}
