//! Requests at a fixed rate over connections that are kept: an open loop, so that a late answer does not make the next request late.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::prctl::set_timerslack;
use nix::sys::time::TimeSpec;

use crate::http::{ANSWER_BYTES, Answer, connect};

/// An answer later than this is none.
const LIMIT: Duration = Duration::from_secs(15);
/// The kernel wakes sleepers up later by as much as this to save power.
const SLACK_NANOSECONDS: u64 = 1;

/// What is asked, and how often.
pub(crate) struct Asked {
    pub(crate) request: Vec<u8>,
    /// What the right answer's body has.
    pub(crate) body_bytes: usize,
    pub(crate) per_second: u32,
    pub(crate) connections: usize,
}

/// Who asks, from one thread: it blocks.
pub(crate) struct Load<'a> {
    asked: &'a Asked,
    streams: Vec<TcpStream>,
    answers: Vec<Vec<u8>>,
}

impl<'a> Load<'a> {
    pub(crate) fn on(address: SocketAddr, asked: &'a Asked) -> Self {
        let streams = (0..asked.connections).map(|_| {
            let stream = connect(address).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        });
        Self { asked, streams: streams.collect(), answers: vec![Vec::new(); asked.connections] }
    }

    /// Asks for so long and returns when all answers are there: for each the time that it took. The time runs from when the request
    /// ought to have been sent, if that was put off because every connection was waiting; not if the load itself came late to it.
    pub(crate) fn last(&mut self, time: Duration) -> Vec<Duration> {
        set_timerslack(SLACK_NANOSECONDS).unwrap();
        let period = Duration::from_secs(1) / self.asked.per_second;
        let count = u32::try_from(time.as_nanos() / period.as_nanos()).unwrap();
        let start = Instant::now();
        let mut idle = (0..self.asked.connections).collect::<VecDeque<_>>();
        let mut begun = vec![start; self.asked.connections];
        let (mut sent, mut held_up) = (0, false);
        let mut times = Vec::with_capacity(count as usize);
        while times.len() < count as usize {
            while sent < count && start + period * sent <= Instant::now() {
                let Some(free) = idle.pop_front() else {
                    held_up = true;
                    break;
                };
                begun[free] = if held_up { start + period * sent } else { Instant::now() };
                let mut stream = &self.streams[free];
                stream.write_all(&self.asked.request).expect("a small request is taken at once");
                sent += 1;
            }
            let next = (start + period * sent).saturating_duration_since(Instant::now());
            held_up &= next.is_zero();
            let wait = if sent == count || idle.is_empty() { LIMIT } else { next };
            for ready in self.ready(wait) {
                if self.read(ready) {
                    times.push(begun[ready].elapsed());
                    idle.push_back(ready);
                }
            }
        }
        times
    }

    /// The connections from which something can be read, after waiting for that at most for so long.
    fn ready(&self, wait: Duration) -> Vec<usize> {
        let mut asked =
            self.streams.iter().map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN)).collect::<Vec<_>>();
        let found = ppoll(&mut asked, Some(TimeSpec::from_duration(wait)), None).unwrap();
        assert!(found > 0 || wait < LIMIT, "answers do not come");
        if found == 0 {
            return Vec::new();
        }
        asked.iter().enumerate().filter(|(_, asked)| asked.any() == Some(true)).map(|(index, _)| index).collect()
    }

    /// Whether the answer is whole now; it has to be the right one.
    fn read(&mut self, index: usize) -> bool {
        let mut stream = &self.streams[index];
        let answer = &mut self.answers[index];
        let mut more = [0; ANSWER_BYTES];
        match stream.read(&mut more) {
            Ok(0) => panic!("a connection was closed"),
            Ok(count) => answer.extend_from_slice(&more[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("a connection broke: {error}"),
        }
        let Some(whole) = Answer::read(answer) else { return false };
        let is_right = whole.status == 200 && whole.body.len() == self.asked.body_bytes;
        assert!(is_right, "{}", String::from_utf8_lossy(answer));
        answer.clear();
        true
    }
}

/// The time that this share of the answers took at most, in microseconds.
pub(crate) fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort();
    let index = (times.len() as f64 * share) as usize;
    times[index.min(times.len() - 1)].as_secs_f64() * 1e6
}
