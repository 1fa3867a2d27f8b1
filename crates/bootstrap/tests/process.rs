//! A process from its start to its end, through its public edge: arguments, admin port, signals, exit status.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests assert by panicking and start the process"
)]

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

struct Process {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Process {
    fn start(mode: &str) -> Self {
        Self::with_arguments(&["--admin-address", "127.0.0.1:0", "--shutdown-after", "1", "--mode", mode])
    }

    fn with_arguments(arguments: &[&str]) -> Self {
        let mut child =
            Command::new(env!("CARGO_BIN_EXE_example-process")).args(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    /// Reads log lines until one has the message.
    fn line_with(&mut self, message: &str) -> serde_json::Value {
        loop {
            let line: serde_json::Value = serde_json::from_str(&self.log.next().unwrap().unwrap()).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn serves_its_admin_port_and_ends_at_sigterm() {
    let mut process = Process::start("wait");
    let address = process.line_with("listening")["address"].as_str().unwrap().to_owned();
    process.line_with("the example runs");
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200 OK"));
    assert!(get(&address, "/readiness").ends_with("waiting for a latch that stays\n"));
    assert!(get(&address, "/metrics").contains("deis_example_starts_total 1"));
    process.terminate();
    assert!(process.child.wait().unwrap().success());
}

#[test]
fn says_which_task_held_up_the_shutdown() {
    let mut process = Process::start("hang");
    process.line_with("the example runs");
    process.terminate();
    let line = process.line_with("ended before all work was done");
    assert_eq!(line["tasks"], "[\"hanging\"]");
    assert_eq!(process.child.wait().unwrap().code(), Some(1));
}

#[test]
fn an_error_and_a_panic_are_failures() {
    let mut failing = Process::start("fail");
    assert_eq!(failing.line_with("ended with an error")["error"], "the example failed: on purpose");
    assert_eq!(failing.child.wait().unwrap().code(), Some(1));
    let mut panicking = Process::start("panic");
    panicking.line_with("a task panicked: the process ends");
    assert_eq!(panicking.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_wrong_argument_is_refused_before_anything_starts() {
    let mut process = Process::with_arguments(&["--no-such-flag"]);
    assert_eq!(process.child.wait().unwrap().code(), Some(64));
}
