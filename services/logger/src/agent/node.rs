//! All containers of a node that are followed. It blocks: it is for a thread of its own.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deis_proto::logger::AppendRequest;

use super::file;
use super::hints::{Changes, Hints};
use super::metrics::Counts;
use super::owner::{Owner, Owners};
use super::positions::{Positions, Saved};
use super::source::Source;

/// Batches that may be under way. Each source has one at most, so that one that is noisy has its turn and no more, and that what
/// is not acknowledged is bounded.
pub(super) const UNDER_WAY: usize = 16;
/// How often positions are written while lines come; what was read since is repeated after a crash.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// All containers of a node that are followed.
pub(super) struct Node {
    folder: PathBuf,
    positions_file: PathBuf,
    owners: Owners,
    pub(super) hints: Hints,
    sources: BTreeMap<String, Source>,
    /// Of sources that were followed before this process, and are not yet by it.
    saved: BTreeMap<String, Saved>,
    /// Those that may have something, in the order of their turns.
    ready: VecDeque<String>,
    under_way: HashMap<u64, UnderWay>,
    /// Those that only time brings on: a file that was read to its end and may still be written to.
    settling: HashSet<String>,
    batches: u64,
    last_save: Instant,
    is_changed: bool,
    counts: Counts,
}

/// A batch under way.
#[derive(Debug)]
struct UnderWay {
    id: String,
    /// There was more to read.
    is_full: bool,
}

/// What a round is about.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Batches that are stored.
    pub(super) acknowledged: Vec<u64>,
    /// Look at everything, whatever is known of changes.
    pub(super) look: bool,
}

/// What a round brought.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) batches: Vec<AppendRequest>,
    /// More can be read at once.
    pub(super) is_behind: bool,
    /// More can be read as soon as something is acknowledged.
    pub(super) is_waiting: bool,
    /// More can be read after some time, though nothing will tell.
    pub(super) is_settling: bool,
}

impl Node {
    /// Takes up what an agent before this one has left.
    pub(super) fn open(folder: PathBuf, positions: PathBuf, owners: Owners, counts: Counts) -> io::Result<Self> {
        let saved = Positions::load(&positions)?.sources;
        Ok(Self {
            folder,
            positions_file: positions,
            owners,
            hints: Hints::new(),
            sources: BTreeMap::new(),
            saved,
            ready: VecDeque::new(),
            under_way: HashMap::new(),
            settling: HashSet::new(),
            batches: 0,
            last_save: Instant::now(),
            is_changed: false,
            counts,
        })
    }

    /// One round: takes in what has happened, reads as much as may be under way, notes what must be noted before it is sent.
    pub(super) fn round(&mut self, work: &Work) -> io::Result<Round> {
        let now = Instant::now();
        for batch in &work.acknowledged {
            self.acknowledge(*batch);
        }
        for id in std::mem::take(&mut self.settling) {
            self.make_ready(id);
        }
        let Changes { grown, is_different } = self.hints.take();
        if work.look || is_different {
            self.look(now);
        } else {
            let is_grown = |source: &Source| grown.contains(&source.folder);
            let grown = self.sources.iter().filter(|(_, source)| is_grown(source)).map(|(id, _)| id.clone());
            for id in grown.collect::<Vec<_>>() {
                self.make_ready(id);
            }
        }
        let (round, must_be_noted) = self.read(now);
        if must_be_noted || (self.is_changed && now.duration_since(self.last_save) >= SAVE_EVERY) {
            self.save()?;
        }
        self.counts.sources.set(i64::try_from(self.sources.len()).unwrap_or(i64::MAX));
        Ok(round)
    }

    /// Writes how far everything has been read.
    pub(super) fn save(&mut self) -> io::Result<()> {
        let sources = self.sources.iter().map(|(id, source)| (id.clone(), source.saved()));
        let waiting = self.saved.iter().map(|(id, saved)| (id.clone(), saved.clone()));
        Positions { sources: waiting.chain(sources).collect() }.save(&self.positions_file)?;
        (self.is_changed, self.last_save) = (false, Instant::now());
        Ok(())
    }

    fn acknowledge(&mut self, batch: u64) {
        let Some(UnderWay { id, .. }) = self.under_way.remove(&batch) else { return };
        if let Some(source) = self.sources.get_mut(&id) {
            source.acknowledge();
            self.is_changed = true;
            // While it was under way nobody has looked.
            self.make_ready(id);
        }
    }

    fn make_ready(&mut self, id: String) {
        if !self.ready.contains(&id) {
            self.ready.push_back(id);
        }
    }

    fn read(&mut self, now: Instant) -> (Round, bool) {
        let (mut round, mut must_be_noted) = (Round::default(), false);
        let mut later = VecDeque::new();
        while self.under_way.len() < UNDER_WAY
            && let Some(id) = self.ready.pop_front()
        {
            let Some(source) = self.sources.get_mut(&id) else { continue };
            if source.is_under_way() {
                continue;
            }
            self.batches += 1;
            let taken = source.take(self.batches, now);
            must_be_noted |= taken.must_be_noted;
            match taken.batch {
                Some(batch) => {
                    self.counts.took(&batch);
                    self.under_way.insert(self.batches, UnderWay { id, is_full: taken.is_full });
                    round.batches.push(batch);
                }
                None if taken.is_full => later.push_back(id),
                None if source.is_over(now) => {
                    self.sources.remove(&id);
                    self.is_changed = true;
                }
                None if source.is_settling() => drop(self.settling.insert(id)),
                None => {}
            }
        }
        self.ready.append(&mut later);
        round.is_behind = !self.ready.is_empty() && self.under_way.len() < UNDER_WAY;
        round.is_waiting = self.under_way.values().any(|batch| batch.is_full);
        round.is_settling = !self.settling.is_empty();
        (round, must_be_noted)
    }

    /// Looks at all folders of all pods that are followed.
    fn look(&mut self, now: Instant) {
        let owners = self.owners.current();
        let pods = self.pod_folders();
        self.owners.forget_gone(|uid| pods.contains_key(uid));
        let mut watched = HashSet::from([self.folder.clone()]);
        let mut found = HashSet::new();
        for (uid, owner) in &owners {
            let Some(folder) = pods.get(uid) else { continue };
            watched.insert(folder.clone());
            for container in folders(folder) {
                self.look_at(uid, owner, &container, &mut found, now);
                watched.insert(container);
            }
        }
        self.take_up_abandoned(&mut found, now);
        // Those whose files are gone are read to their end.
        for (id, source) in &mut self.sources {
            if !found.contains(id) && !source.folder.exists() {
                source.look(&[], now);
            } else if !found.contains(id) {
                watched.insert(source.folder.clone());
            }
        }
        self.hints.watch(watched);
        for id in self.sources.keys().cloned().collect::<Vec<_>>() {
            self.make_ready(id);
        }
    }

    /// Looks at the files of one container.
    fn look_at(&mut self, uid: &str, owner: &Arc<Owner>, folder: &Path, found: &mut HashSet<String>, now: Instant) {
        let Some(container) = folder.file_name().and_then(|name| name.to_str()) else { return };
        let Ok(listed) = file::list(folder) else { return };
        for files in listed.chunk_by(|one, next| one.restart == next.restart) {
            let Some(first) = files.first() else { continue };
            let id = format!("{uid}/{container}/{}", first.restart);
            let files = files.iter().collect::<Vec<_>>();
            let saved = self.saved.remove(&id);
            let source = self.sources.entry(id.clone()).or_insert_with(|| {
                let mut source = Source::new(id.clone(), Arc::clone(owner), folder.to_path_buf());
                match saved {
                    Some(saved) => source.resume(&saved, &files),
                    None if first.is_rotated() => source.begin_late(first),
                    None => {}
                }
                source
            });
            source.owner = Arc::clone(owner);
            source.look(&files, now);
            found.insert(id);
        }
        // Files of earlier restarts that are not there any more.
        let prefix = format!("{uid}/{container}/");
        for (id, source) in self.sources.range_mut(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix)) {
            if found.insert(id.clone()) {
                source.look(&[], now);
            }
        }
    }

    /// Goes on with pods that went while no agent was there, as long as their files are: whose they are was noted.
    fn take_up_abandoned(&mut self, found: &mut HashSet<String>, now: Instant) {
        self.saved.retain(|_, saved| saved.folder.exists());
        let abandoned: Vec<_> = self.saved.values().map(|saved| (saved.owner.clone(), saved.folder.clone())).collect();
        for (owner, folder) in abandoned {
            let pod = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str()).and_then(uid_of);
            if let Some(uid) = pod.map(ToOwned::to_owned) {
                self.look_at(&uid, &Arc::new(owner), &folder, found, now);
            }
        }
    }

    /// The folders of all pods by their uid, which is the last part of their name.
    fn pod_folders(&self) -> HashMap<String, PathBuf> {
        let with_uid = |folder: PathBuf| {
            let uid = folder.file_name().and_then(|name| name.to_str()).and_then(uid_of)?.to_owned();
            Some((uid, folder))
        };
        folders(&self.folder).into_iter().filter_map(with_uid).collect()
    }
}

/// `{namespace}_{pod}_{uid}`.
fn uid_of(name: &str) -> Option<&str> {
    name.rsplit_once('_').map(|(_, uid)| uid)
}

/// The folders in a folder; links are none.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_folder = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.flatten().filter(is_folder).map(|entry| entry.path()).collect()
}
