//! The script that starts Redis, with Debian's own Redis.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/files/redis");
/// Somebody else's choice of a Secret may hold what a configuration file would take for something else.
const PASSWORD: &str = r#"s"e c'r#e t\"#;

/// A Redis on a socket in a folder of its own, killed at the end.
struct Redis {
    folder: tempfile::TempDir,
    process: Child,
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn command(program: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the tests' own exec: an argument vector, a cleared environment")]
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

impl Redis {
    /// Comes back when it takes connections.
    fn start(folder: tempfile::TempDir, max_memory: &str) -> Self {
        fs::write(folder.path().join("password"), PASSWORD).unwrap();
        let mut process = command(&format!("{FILES}/start"))
            .env("REDIS_CONFIG", format!("{FILES}/redis.conf"))
            .env("REDIS_MAX_MEMORY", max_memory)
            .env("REDIS_PASSWORD_FILE", folder.path().join("password"))
            .args(["--port", "0", "--dir"])
            .arg(folder.path())
            .arg("--unixsocket")
            .arg(folder.path().join("socket"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        while !said.contains("eady to accept connections at") {
            let before = said.len();
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "Redis ended: {said}");
            assert!(said.len() > before);
        }
        Self { folder, process }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn call(&self, password: Option<&str>, arguments: &[&str]) -> String {
        let mut client = command("redis-cli");
        client.arg("-s").arg(self.socket()).args(arguments).envs(password.map(|password| ("REDISCLI_AUTH", password)));
        let Output { stdout, stderr, .. } = client.output().unwrap();
        format!("{}{}", String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn ready(&self, password_file: &str) -> bool {
        let mut ready = command(&format!("{FILES}/ready"));
        ready.env("REDIS_PASSWORD_FILE", self.folder.path().join(password_file)).arg("-s").arg(self.socket());
        ready.output().unwrap().status.success()
    }
}

fn temporary() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("deis-redis-").tempdir().unwrap()
}

#[test]
fn nobody_gets_in_without_the_password_and_nobody_rules() {
    let redis = Redis::start(temporary(), "64mb");
    assert!(redis.socket().metadata().unwrap().file_type().is_socket());
    assert!(redis.call(None, &["PING"]).contains("NOAUTH"));
    assert!(redis.call(Some("wrong"), &["PING"]).contains("NOAUTH"));
    assert_eq!(redis.call(Some(PASSWORD), &["PING"]), "PONG\n");
    for denied in
        [&["CONFIG", "GET", "*"][..], &["SHUTDOWN"], &["FLUSHALL"], &["REPLICAOF", "h", "1"], &["ACL", "LIST"]]
    {
        let answer = redis.call(Some(PASSWORD), denied);
        assert!(answer.contains("NOPERM"), "{denied:?}: {answer}");
    }

    assert!(redis.ready("password"));
    fs::write(redis.folder.path().join("other"), "wrong").unwrap();
    assert!(!redis.ready("other"));

    let arguments = fs::read(format!("/proc/{}/cmdline", redis.process.id())).unwrap();
    let arguments = String::from_utf8_lossy(&arguments);
    assert!(arguments.contains("redis-server") && !arguments.contains("s\"e"), "{arguments}");
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let mut redis = Redis::start(temporary(), "64mb");
    let id = redis.call(Some(PASSWORD), &["XADD", "app", "*", "text", "hello"]);
    assert!(id.contains('-'), "{id}");
    redis.process.kill().unwrap();
    redis.process.wait().unwrap();
    let folder = std::mem::replace(&mut redis.folder, temporary());
    drop(redis);
    fs::remove_file(folder.path().join("socket")).unwrap();

    let again = Redis::start(folder, "64mb");
    let kept = again.call(Some(PASSWORD), &["XRANGE", "app", "-", "+"]);
    assert!(kept.starts_with(&id) && kept.contains("hello"), "{kept}");
}

#[test]
fn a_full_store_refuses_and_drops_nothing() {
    let redis = Redis::start(temporary(), "2mb");
    assert_eq!(redis.call(Some(PASSWORD), &["SET", "first", "kept"]), "OK\n");
    let large = "x".repeat(100_000);
    let refused = (0..100).find_map(|number| {
        let answer = redis.call(Some(PASSWORD), &["SET", &format!("k{number}"), &large]);
        answer.starts_with("OOM").then_some(answer)
    });
    assert!(refused.is_some(), "2 MB took 10 MB");
    assert_eq!(redis.call(Some(PASSWORD), &["GET", "first"]), "kept\n");
}
