use std::path::Path;

use tokio::process::Command;

use crate::exec::{command, run};
use crate::process::{Process, Processors, until};

/// Where Debian keeps the server's programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// Whom it belongs to: it refuses to run as root.
const AS_POSTGRES: [&str; 5] = ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"];
const HOST: &str = "127.0.0.1";
/// Name of its user and of its database.
pub(crate) const NAME: &str = "deis";

/// PostgreSQL as Debian configures it; its files are in memory.
pub(crate) struct Database {
    pub(crate) process: Process,
}

impl Database {
    pub(crate) async fn start(folder: &Path) -> Self {
        let home = folder.join("postgres");
        drop(run(command("install").args(["--directory", "--owner", "postgres"]).arg(&home)).await);
        let data = home.join("data");
        let mut initdb = command("setpriv");
        initdb.args(AS_POSTGRES).arg(format!("{PROGRAMS}/initdb")).arg("--pgdata").arg(&data).current_dir("/");
        drop(run(initdb.args(["--username", NAME, "--auth", "trust", "--no-sync"])).await);

        let mut server = Process::on(Processors::Others, "setpriv");
        server.args(AS_POSTGRES).arg(format!("{PROGRAMS}/postgres")).arg("-D").arg(&data).current_dir("/");
        server.args(["-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"]);
        let process = Process::start(&mut server, &folder.join("postgres.log"));
        until("PostgreSQL is ready", async || client("pg_isready").status().await.unwrap().success()).await;
        drop(run(client("createdb").arg(NAME)).await);
        Self { process }
    }

    /// Makes the apps, which are to belong to users that are there.
    pub(crate) async fn fill(&self, folder: &Path) {
        let script = folder.join("fill.sql");
        std::fs::write(&script, include_str!("fill.sql")).unwrap();
        let mut psql = client("psql");
        psql.args(["--dbname", NAME, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file"]).arg(script);
        drop(run(&mut psql).await);
    }
}

fn client(program: &str) -> Command {
    let mut client = command(&format!("{PROGRAMS}/{program}"));
    client.args(["--host", HOST, "--username", NAME]).stdout(std::process::Stdio::null());
    client
}
