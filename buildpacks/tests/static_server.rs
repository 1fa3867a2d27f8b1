//! The web server as an app would run it.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests start the program under test")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

struct Server {
    child: Child,
    log: BufReader<std::process::ChildStdout>,
    port: u16,
    _folder: tempfile::TempDir,
}

fn start() -> Server {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "<h1>Coffee</h1>").unwrap();
    fs::create_dir(folder.path().join("docs")).unwrap();
    fs::write(folder.path().join("docs/big.bin"), vec![7; 3 << 20]).unwrap();
    let program = folder.path().join("static-server");
    symlink(env!("CARGO_BIN_EXE_deis-buildpacks"), &program).unwrap();
    let mut child = Command::new(&program)
        .arg0("static-server")
        .arg(".")
        .current_dir(folder.path())
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let port = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    Server { child, log, port, _folder: folder }
}

fn read_response(stream: &mut BufReader<TcpStream>, has_content: bool) -> (String, Vec<u8>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0);
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
    let mut content = vec![0; if has_content { length } else { 0 }];
    stream.read_exact(&mut content).unwrap();
    (head, content)
}

#[test]
fn files_over_one_connection_until_sigterm() {
    let mut server = start();
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", server.port)).unwrap());
    for (request, head, content) in [
        ("GET / HTTP/1.1", "HTTP/1.1 200 OK", Some(b"<h1>Coffee</h1>".to_vec())),
        ("HEAD /index.html HTTP/1.1", "HTTP/1.1 200 OK", None),
        ("GET /docs HTTP/1.1", "HTTP/1.1 301 Moved Permanently", Some(b"301 Moved Permanently\n".to_vec())),
        ("GET /docs/big.bin HTTP/1.1", "HTTP/1.1 200 OK", Some(vec![7; 3 << 20])),
        ("GET /../../etc/passwd HTTP/1.1", "HTTP/1.1 404 Not Found", Some(b"404 Not Found\n".to_vec())),
        ("DELETE / HTTP/1.1", "HTTP/1.1 405 Method Not Allowed", Some(b"405 Method Not Allowed\n".to_vec())),
    ] {
        write!(stream.get_mut(), "{request}\r\nHost: demo\r\n\r\n").unwrap();
        let (got, body) = read_response(&mut stream, content.is_some());
        assert!(got.starts_with(head), "{request}: {got}");
        assert!(body == content.unwrap_or_default(), "{request}");
    }

    kill(Pid::from_raw(server.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(server.child.wait().unwrap().success());
    let mut log = String::new();
    server.log.read_to_string(&mut log).unwrap();
    assert!(log.starts_with("GET / 200\nHEAD /index.html 200\n") && log.ends_with("ending after SIGTERM\n"), "{log}");
}
