//! What it costs a node to collect a million lines that an app has printed, beside rsyslog's imfile on the same file.
//!
//! The agent is the installed one. It finds the file among the node's logs, as that of one more container of an app's pod, and does
//! with it what it does with all: it parses the runtime's records and sends the lines over mutual TLS to the logger, which stores
//! them in Redis. rsyslog takes the records as they are and writes them to another file, in the way that costs it least: without a
//! queue between reading and writing, whose threads fight for it and use up to three times as much. Both find the file whole.
//!
//! Counted is CPU time of the agent's process until the last line can be read with `deis logs`, and of rsyslog's until its copy has
//! the length of the file; not counted are the logger and Redis, which may be far away.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use crate::cpu::{Process, until};
use crate::exec::command;
use crate::figure::{Figure, Unit};
use crate::support::{Developer, Platform, Repository, node_logs};

const LINES: usize = 1_000_000;
/// Of a line's text.
const LINE_BYTES: usize = 100;
/// Who collects first changes from round to round.
const ROUNDS: usize = 4;
/// 1.5 × the first figure measured, 0.31 ×.
const CEILING: f64 = 0.47;
/// How long a million lines may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Empty where the agent runs on another machine: then its CPU time cannot be read.
pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>) -> Vec<Figure> {
    let Some(agent) = Process::of_pod(platform, "deis-logger-agent", "logger").await else { return Vec::new() };
    let (repository, app) = developer.pushed_app("go").await;
    let pod = app.pods().await.swap_remove(0);
    let logs = node_logs().await;
    let of_pod = logs.join("pods").join(format!("{}_{}_{}", app.name, pod.name_any(), pod.uid().unwrap()));

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Beside the folder that the agent follows, so that it can be moved there in one step.
        let draft = tempfile::tempdir_in(&logs).unwrap();
        let draft = draft.path().join("0.log");
        let last = write_lines(&draft, round);
        let container = of_pod.join(format!("bench-{round}"));
        std::fs::create_dir(&container).unwrap();
        if round % 2 == 0 {
            theirs.push(rsyslog(&draft).await);
        }
        let file = container.join("0.log");
        let before = agent.cpu_seconds();
        std::fs::rename(draft, &file).unwrap();
        until_logged(&repository, &last).await;
        ours.push(agent.cpu_seconds() - before);
        if round % 2 != 0 {
            theirs.push(rsyslog(&file).await);
        }
        std::fs::remove_dir_all(container).unwrap();
    }
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());

    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let plain =
        |name: &str, samples| Figure { name: name.to_owned(), unit: Unit::Seconds, samples, ceiling: None, goal: None };
    vec![
        plain("CPU of a million log lines, agent", ours),
        plain("CPU of a million log lines, rsyslog's imfile", theirs),
        Figure {
            name: "CPU of a log line beside rsyslog's imfile".to_owned(),
            unit: Unit::Times,
            samples: ratios,
            ceiling: Some(CEILING),
            goal: None,
        },
    ]
}

/// Writes a file as the node's runtime does; returns what only its last line has in it.
fn write_lines(path: &Path, round: usize) -> String {
    let mut file = BufWriter::new(File::create(path).unwrap());
    // Of now: what is older than its app is shown to nobody.
    let second = format!("{:.0}", Timestamp::now());
    let second = second.trim_end_matches('Z');
    for number in 1..=LINES {
        let text = format!("line {number} of round {round} ");
        writeln!(file, "{second}.{number:09}Z stdout F {text:x<LINE_BYTES$}").unwrap();
    }
    file.flush().unwrap();
    format!("line {LINES} of round {round} ")
}

async fn until_logged(repository: &Repository<'_>, last: &str) {
    // Asking takes longer than it would make sense to wait in between.
    let asking = async { while !repository.deis(&["logs", "-n", "1"]).await.succeeded().stdout.contains(last) {} };
    deis_bootstrap::deadline(LIMIT, asking).await.unwrap_or_else(|late| panic!("{last:?} in deis logs: {late}"));
}

/// Has rsyslog copy a file's lines; the CPU time that it took.
async fn rsyslog(file: &Path) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let (config, copy) = (folder.path().join("rsyslog.conf"), folder.path().join("copy"));
    let text = format!(
        "global(workDirectory=\"{}\")\n\
         main_queue(queue.type=\"direct\")\n\
         module(load=\"imfile\")\n\
         template(name=\"line\" type=\"list\") {{ property(name=\"msg\") constant(value=\"\\n\") }}\n\
         input(type=\"imfile\" file=\"{}\" tag=\"bench\")\n\
         action(type=\"omfile\" file=\"{}\" template=\"line\")\n",
        folder.path().display(),
        file.display(),
        copy.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut rsyslogd = command("/usr/sbin/rsyslogd");
    rsyslogd.arg("-n").arg("-f").arg(config).arg("-i").arg(folder.path().join("pid"));
    let mut rsyslogd = rsyslogd.stdin(Stdio::null()).spawn().unwrap();
    let process = Process::of_child(rsyslogd.id());
    let length = std::fs::metadata(file).unwrap().len();
    let is_copied = || std::fs::metadata(&copy).is_ok_and(|metadata| metadata.len() >= length);
    until("rsyslog has copied all", is_copied).await;
    let used = process.cpu_seconds();
    rsyslogd.kill().await.unwrap();
    used
}
