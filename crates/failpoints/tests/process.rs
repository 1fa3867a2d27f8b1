//! A process that dies at its failpoints, through its public edge: the port where they are armed, its exit status, what it did before.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests assert by panicking and start the process"
)]

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use serde_json::{Value, json};

const SIGABRT: i32 = 6;

struct Process {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    address: String,
}

impl Process {
    fn start(file: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_example-failpoints"));
        command.args(["--admin-address=127.0.0.1:0", "--failpoints-listen=127.0.0.1:0", "--file"]).arg(file);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut process = Self { child, log, address: String::new() };
        let _admin = process.line_with("listening");
        process.address = process.line_with("listening")["address"].as_str().unwrap().to_owned();
        process
    }

    /// Reads log lines until one has the message.
    fn line_with(&mut self, message: &str) -> Value {
        loop {
            let line: Value = serde_json::from_str(&self.log.next().unwrap().unwrap()).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }

    /// Status and body of the answer to a request like "GET /".
    fn ask(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: failpoints\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn list(&self) -> Value {
        serde_json::from_str(&self.ask("GET /").1).unwrap()
    }

    fn write(&mut self, lines: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{lines}").unwrap();
    }

    /// Closes its input and waits for its end.
    fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_process_dies_at_the_point_that_was_armed_and_lives_when_started_again() {
    for (point, written) in [("write.before", ""), ("write.after", "one\n")] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        let mut process = Process::start(&file);
        assert_eq!(process.ask(&format!("PUT /{point}")).0, 204);
        process.write("one");
        assert_eq!(process.line_with("dying at a failpoint")["failpoint"], point);
        assert_eq!(process.end().signal(), Some(SIGABRT));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), written, "{point}");

        let mut again = Process::start(&file);
        again.write("two");
        assert!(again.end().success());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{written}two\n"), "{point}");
    }
}

#[test]
fn a_point_is_passed_as_often_as_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    let mut process = Process::start(&file);
    process.ask("PUT /write.after?after=2");
    process.write("one\ntwo\nthree\nfour");
    assert_eq!(process.end().signal(), Some(SIGABRT));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo\nthree\n");
}

#[test]
fn points_are_listed_and_disarmed() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(&folder.path().join("lines"));
    let passed = json!({"write.before": 0, "write.after": 0});
    assert_eq!(process.list(), json!({"passed": passed, "armed": null}));
    process.ask("PUT /write.before?after=7");
    process.ask("PUT /write.after");
    assert_eq!(process.list()["armed"], json!({"name": "write.after", "survives": 0}), "one at a time");
    assert_eq!(process.ask("DELETE /").0, 204);
    assert_eq!(process.list()["armed"], Value::Null);

    let sentence = "There is no failpoint \"write.never\"; GET / lists those that there are.\n";
    assert_eq!(process.ask("PUT /write.never"), (404, sentence.to_owned()));
    process.write("one");
    assert!(process.end().success());
}
