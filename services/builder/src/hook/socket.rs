//! The builder's side: a socket for one push.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::deadline;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::log::Log;
use super::{Asked, Told};
use crate::Error;
use crate::git::{Quarantine, Update};

/// Lines that wait to be printed.
const QUEUE: usize = 64;

/// After this silence a line is printed that says nothing but that something is going on.
const SILENCE: Duration = Duration::from_secs(10);

/// Longest request: as the hook's input, with room for JSON.
const MAX_REQUEST: u64 = 16 << 20;

/// Where the hook of one push asks; the file goes with it.
pub(crate) struct HookSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl HookSocket {
    pub(crate) fn bind(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(uuid::Uuid::new_v4().simple().to_string());
        let listener = UnixListener::bind(&path).map_err(Error::io("listen for the hook"))?;
        Ok(Self { listener, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the hook to ask.
    pub(crate) async fn accept(&self) -> Result<HookConnection, Error> {
        let broken = || Error::io("understand the hook");
        let (stream, _) = self.listener.accept().await.map_err(broken())?;
        let (read, write) = stream.into_split();
        let mut read = BufReader::new(read);
        let mut line = String::new();
        (&mut read).take(MAX_REQUEST).read_line(&mut line).await.map_err(broken())?;
        let asked: Asked = serde_json::from_str(&line).map_err(io::Error::from).map_err(broken())?;
        let updates = Update::parse(&asked.updates).ok_or_else(|| broken()(io::ErrorKind::InvalidData.into()))?;
        Ok(HookConnection { updates, quarantine: asked.quarantine, read, write })
    }
}

impl Drop for HookSocket {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// A hook that waits.
pub(crate) struct HookConnection {
    pub(crate) updates: Vec<Update>,
    pub(crate) quarantine: Quarantine,
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl HookConnection {
    /// The queue of lines, the writer that empties it, and the half whose end says that the hook is gone.
    pub(crate) fn into_parts(self) -> (Lines, HookWriter, BufReader<OwnedReadHalf>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (Lines { sender, log: Arc::default() }, HookWriter { queue, write: self.write }, self.read)
    }
}

/// What the person who pushed sees.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    sender: mpsc::Sender<String>,
    /// Of what was printed; it is kept when nobody saw it.
    log: Arc<Mutex<Log>>,
}

impl Lines {
    /// Prints a line. When nobody sees it, that is no reason to stop.
    pub(crate) async fn say(&self, line: impl AsRef<str>) {
        let line = plain(line.as_ref());
        self.log.lock().push(&line);
        drop(self.sender.send(line).await);
    }

    /// As [`Lines::say`], but rather not at all than late.
    pub(crate) fn mention(&self, line: &str) {
        let line = plain(line);
        self.log.lock().push(&line);
        drop(self.sender.try_send(line));
    }

    /// The newest 256 KiB of the lines so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().text()
    }
}

/// Writes lines to the hook, and something now and then when there are none.
pub(crate) struct HookWriter {
    queue: mpsc::Receiver<String>,
    write: OwnedWriteHalf,
}

impl HookWriter {
    /// Writes until the queue has no sender any more; a hook that is gone is not written to, and the queue emptied.
    pub(crate) async fn run(mut self) -> HookEnd {
        let mut there = true;
        loop {
            let line = match deadline(SILENCE, self.queue.recv()).await {
                Ok(Some(line)) => line,
                Ok(None) => return HookEnd { write: self.write },
                Err(_) => "...".to_owned(),
            };
            there = there && tell(&mut self.write, &Told::Line(line)).await.is_ok();
        }
    }
}

/// A hook that has been told everything but how to end.
pub(crate) struct HookEnd {
    write: OwnedWriteHalf,
}

impl HookEnd {
    pub(crate) async fn exit(mut self, status: u8) {
        if let Err(error) = tell(&mut self.write, &Told::Exit(status)).await {
            tracing::debug!(%error, "the hook is gone");
        }
    }
}

async fn tell(write: &mut OwnedWriteHalf, told: &Told) -> io::Result<()> {
    let mut line = serde_json::to_string(told)?;
    line.push('\n');
    write.write_all(line.as_bytes()).await
}

/// A line without what would move somebody's cursor: colours and control characters are left out.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            // A control sequence goes up to its final byte (ECMA-48, section 5.4); another escape is two characters.
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    characters.by_ref().find(|character| ('\u{40}'..='\u{7e}').contains(character));
                }
            }
            '\t' => plain.push(character),
            // Nor what turns the writing around.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            character if character.is_control() => {}
            character => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_do_not_move_the_cursor() {
        for (line, shown) in [
            ("-----> Go app detected", "-----> Go app detected"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("a\u{1b}]0;title\u{7}b", "a0;titleb"),
            ("a\rb\u{8}c\td", "abc\td"),
            ("\u{1b}[2J\u{1b}[H", ""),
            ("\u{1b}[12", ""),
            ("a\u{202e}b", "ab"),
        ] {
            assert_eq!(plain(line), shown, "{line:?}");
        }
    }
}
