use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::exec::{command, run};

/// `/proc` counts in hundredths of a second, whatever the kernel itself counts in.
const TICKS_PER_SECOND: f64 = 100.0;
/// How often is asked what nobody tells.
const ASK_EVERY: Duration = Duration::from_millis(2);
/// Nothing that is waited for here takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Which processors a process may use.
#[derive(Clone, Copy)]
pub(crate) enum Processors {
    /// The first one: of the program that is measured, alone.
    Measured,
    /// All others, if there are any.
    Others,
}

impl Processors {
    fn list(self) -> String {
        let count = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap();
        let last = count.trim().rsplit(['-', ',']).next().unwrap().parse::<usize>().unwrap();
        match self {
            Self::Others if last > 0 => format!("1-{last}"),
            _ => "0".to_owned(),
        }
    }
}

/// A process of the bench, with those that it has started. It ends with its handle.
pub(crate) struct Process {
    child: Child,
    id: u32,
}

impl Process {
    /// What it says goes to a file named after it.
    pub(crate) fn start(program: &mut Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        program.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = program.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", program.as_std()));
        let id = child.id().expect("nobody has waited for it");
        Self { child, id }
    }

    /// A program on processors of its own.
    pub(crate) fn on(processors: Processors, program: &str) -> Command {
        let mut taskset = command("taskset");
        taskset.arg("--cpu-list").arg(processors.list()).arg(program);
        taskset
    }

    /// Seconds in user and kernel mode, of the process and of those that it has started: proc(5), `/proc/{pid}/stat`.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let (used, parents): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all().map(|(id, stat)| ((id, stat.ticks), (id, stat.parent))).unzip();
        let mut family = BTreeSet::from([self.id]);
        loop {
            let children = parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(id, _)| *id);
            let larger = family.iter().copied().chain(children).collect::<BTreeSet<_>>();
            if larger.len() == family.len() {
                break;
            }
            family = larger;
        }
        family.iter().filter_map(|id| used.get(id)).sum::<f64>() / TICKS_PER_SECOND
    }

    /// KiB of memory, what it shares with others by halves, thirds and so on.
    pub(crate) fn memory(&self) -> f64 {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id)).unwrap();
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).expect("proc(5)");
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Has it stand still: it answers nobody, and nobody is told so.
    pub(crate) fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id.try_into().unwrap()), signal).unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let ended = deis_bootstrap::deadline(LIMIT, self.child.wait()).await;
        ended.unwrap_or_else(|late| panic!("process {}: {late}", self.id)).unwrap();
    }
}

/// Has all that runs inside so far leave the first processor to the programs that are measured.
pub(crate) async fn make_room() {
    let list = Processors::Others.list();
    for (id, _) in all() {
        drop(run(command("taskset").args(["--all-tasks", "--cpu-list", "--pid", &list, &id.to_string()])).await);
    }
}

/// A program of ours as the images have it, of the profile `DEIS_BENCH_PROFILE`.
pub(crate) fn shipped(name: &str) -> PathBuf {
    let profile = std::env::var("DEIS_BENCH_PROFILE").unwrap_or_else(|_| "release".to_owned());
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target");
    let program = target.join(profile).join(name);
    assert!(program.exists(), "{} is not there: `make images PROFILE=release` makes it", program.display());
    program
}

/// The folder with the programs that others have made.
pub(crate) fn upstream() -> PathBuf {
    PathBuf::from(std::env::var_os("DEIS_UPSTREAM").expect("run `make bench`"))
}

struct Stat {
    parent: u32,
    /// utime and stime.
    ticks: f64,
}

/// All processes by their ids.
fn all() -> impl Iterator<Item = (u32, Stat)> {
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| {
        // It may have ended meanwhile. What stands before the parenthesis, the program's name, may be anything.
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let fields = stat.rsplit_once(") ")?.1.split(' ').collect::<Vec<_>>();
        let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
        Some((id, Stat { parent: fields.get(1)?.parse().ok()?, ticks: number(11)? + number(12)? }))
    })
}

/// Waits for something that can only be asked for.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let mut ticks = tokio::time::interval(ASK_EVERY);
    let asking = async {
        while !is_so().await {
            ticks.tick().await;
        }
    };
    deis_bootstrap::deadline(LIMIT, asking).await.unwrap_or_else(|late| panic!("{what}: {late}"));
}
