//! One PostgreSQL server for all tests of this binary, a database for each test.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, query};

/// Where Debian keeps the server's programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// The folder of the server's socket.
static SERVER: LazyLock<PathBuf> = LazyLock::new(start);

/// How to connect to a new, empty database.
pub(crate) async fn database() -> PgConnectOptions {
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    let options = PgConnectOptions::new_without_pgpass().socket(SERVER.as_path()).username("deis");
    let mut connection = PgConnection::connect_with(&options.clone().database("postgres")).await.unwrap();
    query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    options.database(&name)
}

fn start() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("deis-postgres-").tempdir().unwrap().keep();
    let user = unprivileged_user();
    if let Some((uid, gid)) = user {
        chown(&folder, Some(uid), Some(gid)).unwrap();
    }
    let data = folder.join("data");
    finish(program("initdb", user).arg("-D").arg(&data).args(["-U", "deis", "-A", "trust", "--no-sync"]));
    let options = format!("-F -k {} -c listen_addresses='' -c max_connections=300", folder.display());
    let log = folder.join("log");
    finish(program("pg_ctl", user).arg("-D").arg(&data).arg("-l").arg(log).args(["-w", "-o", &options, "start"]));
    stop_with_this_process(&folder, user);
    folder
}

/// The server ends, and its folder goes, when this process is gone and its end of the pipe with it, however that comes.
fn stop_with_this_process(folder: &Path, user: Option<(u32, u32)>) {
    let script =
        r#"cat > /dev/null; "$0/pg_ctl" -D "$1/data" -m immediate stop; rm -rf "$1"/data "$1"/log; rmdir "$1""#;
    let mut keeper = Command::new("sh");
    keeper.args(["-c", script, PROGRAMS]).arg(folder).current_dir("/").process_group(0);
    drop_to(&mut keeper, user);
    let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::mem::forget(keeper);
}

/// PostgreSQL refuses to run as root.
fn unprivileged_user() -> Option<(u32, u32)> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    if !is_root {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("the user of Debian's package");
    let fields = line.split(':').collect::<Vec<_>>();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn program(name: &str, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(format!("{PROGRAMS}/{name}"));
    command.env_clear().current_dir("/").stdin(Stdio::null());
    drop_to(&mut command, user);
    command
}

fn drop_to(command: &mut Command, user: Option<(u32, u32)>) {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
}

fn finish(command: &mut Command) {
    // Not captured: the server inherits these, and a pipe would be waited for until it ends.
    let status = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
