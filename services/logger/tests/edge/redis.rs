//! A real Redis with a password and an append-only file, on an address of its own; gone with its handle.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use tempfile::TempDir;

const PASSWORD: &str = "a password of this test";

pub(crate) struct Redis {
    folder: TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

impl Redis {
    /// Starts one that acknowledges what is on the disk.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let config = format!(
            "bind {}\nport {}\ndir {}\nrequirepass \"{PASSWORD}\"\nappendonly yes\nappendfsync always\nsave \"\"\n",
            address.ip(),
            address.port(),
            folder.path().display(),
        );
        std::fs::write(folder.path().join("redis.conf"), config).unwrap();
        std::fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        let mut redis = Self { folder, address, process: None };
        redis.start_again();
        redis
    }

    /// Starts on the same data and address; returns when Redis says that it is ready.
    pub(crate) fn start_again(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "a test fixture: fixed program, no user's text")]
        let mut process = Command::new("redis-server")
            .arg(self.folder.path().join("redis.conf"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        while !said.contains("Ready to accept connections") {
            assert!(lines.read_line(&mut said).unwrap() > 0, "Redis does not start: {said}");
        }
        // It says little more, which must have somewhere to go.
        process.stdout = Some(lines.into_inner());
        self.process = Some(process);
    }

    /// As the kernel does when memory runs out: nothing is said, nothing is finished.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Loses all that it has, while it is down.
    pub(crate) fn lose_everything(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.folder.path().join("appendonlydir")).unwrap();
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// Redis itself, without the store.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let address = redis::ConnectionAddr::Tcp(self.address.ip().to_string(), self.address.port());
        let info = redis::IntoConnectionInfo::into_connection_info(address).unwrap();
        let info = info.set_redis_settings(redis::RedisConnectionInfo::default().set_password(PASSWORD));
        let mut connection = redis::Client::open(info).unwrap().get_connection().unwrap();
        let (name, arguments) = command.split_first().unwrap();
        redis::cmd(name).arg(arguments).query(&mut connection).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port on a loopback address that only this Redis of this process uses, so that it stays free while Redis is down.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let address = IpAddr::V4(Ipv4Addr::new(127, 1 + (high ^ middle) % 254, low, NEXT.fetch_add(1, Ordering::Relaxed)));
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap()
}
