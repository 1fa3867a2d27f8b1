//! Signals that come while something is half-way.

use std::process::Output;
use std::rc::Rc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;

use crate::cluster::Cluster;
use crate::platform::Platform;

const MAKES_THE_POD: &str = "POST /api/v1/namespaces/deis/pods";
const REMOVES_THE_POD: &str = "DELETE /api/v1/namespaces/deis/pods/deis-node-shell-x";

/// The tests may themselves have been started by `nohup`, or in the background of a script.
const HEARS_ALL: &str = "env --default-signal";

/// Runs a command that gets a signal while the API server answers `moment`; gives how it ended, and what it asked the API server.
async fn interrupted(moment: &'static str, signal: Signal, starter: &str, line: &str) -> (Output, Vec<String>) {
    let process = Rc::new(Mutex::new(None));
    let known = Rc::clone(&process);
    let platform = Platform::well();
    let cluster = Cluster::new(move |asked| {
        if asked == moment {
            kill(Pid::from_raw((*known.lock()).unwrap()), signal).unwrap();
        }
        platform.answer(asked)
    })
    .await;
    let child = cluster.command_by(starter, line).spawn().unwrap();
    *process.lock() = Some(child.id().unwrap().try_into().unwrap());
    let output = cluster.during(child.wait_with_output()).await.unwrap();
    (output, cluster.asked())
}

#[tokio::test]
async fn a_signal_while_the_pod_is_made_leaves_none_behind() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let (output, asked) = interrupted(MAKES_THE_POD, signal, HEARS_ALL, "ssh one -- uname -n").await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(asked.last().unwrap(), REMOVES_THE_POD, "{asked:#?}");
        assert!(asked.iter().all(|asked| !asked.contains("/exec ")), "{asked:#?}");
    }
}

/// The terminal goes, and whoever started it said that this is nothing to it.
#[tokio::test]
async fn what_nohup_started_goes_on() {
    let (output, asked) = interrupted(MAKES_THE_POD, Signal::SIGHUP, "nohup", "ssh one -- uname -n").await;
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"one\n".as_slice()), "{output:?}");
    assert_eq!(asked.last().unwrap(), REMOVES_THE_POD, "{asked:#?}");
}

/// The backup has just begun.
#[tokio::test]
async fn a_backup_that_is_stopped_says_by_what_and_leaves_nothing() {
    let moment = "GET /apis/apps/v1/namespaces/deis/statefulsets/deis-database";
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("backup {}", folder.path().display());
        let (output, _) = interrupted(moment, signal, HEARS_ALL, &line).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let told = "Interrupted: the backup was not completed, what there was of it is removed\n";
        assert_eq!(String::from_utf8(output.stderr).unwrap(), told);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

/// A terminal would stay as the program over there wanted it.
#[tokio::test]
async fn a_session_that_is_stopped_says_by_what() {
    let moment = "GET /api/v1/namespaces/deis/pods/deis-router-a/exec cat /etc/hostname";
    let (output, _) = interrupted(moment, Signal::SIGTERM, HEARS_ALL, "dock router -- cat /etc/hostname").await;
    assert_eq!(output.status.code(), Some(143), "{output:?}");
}
