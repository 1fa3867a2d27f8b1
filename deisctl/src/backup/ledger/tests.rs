use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use super::super::shell::local::LocalShell;
use super::*;

/// Where Debian keeps the server's programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A server with the ledger of three apps.
struct Server {
    folder: TempDir,
    shell: LocalShell,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        if nix::unistd::geteuid().is_root() {
            // PostgreSQL refuses to run as root.
            let user = nix::unistd::User::from_name("postgres").unwrap().unwrap();
            nix::unistd::chown(path, Some(user.uid), Some(user.gid)).unwrap();
        }
        std::fs::write(path.join("password"), "secret").unwrap();
        let data = path.join("data");
        let data = data.to_str().unwrap();
        server("initdb", &["-D", data, "-U", "deis", "-A", "trust", "--no-sync"]).await;
        let options = format!("-F -k {} -c listen_addresses=''", path.display());
        let log = path.join("log");
        server("pg_ctl", &["-D", data, "-l", log.to_str().unwrap(), "-w", "-o", &options, "start"]).await;
        let environment = vec![
            ("PATH", format!("{PROGRAMS}:/usr/bin:/bin")),
            ("PGHOST", path.display().to_string()),
            ("POSTGRES_USER", "deis".to_owned()),
            ("POSTGRES_DB", "deis".to_owned()),
            ("POSTGRES_PASSWORD_FILE", path.join("password").display().to_string()),
        ];
        let server = Self { shell: LocalShell { folder: path.to_owned(), environment }, folder };
        server.run("createdb -U deis deis").await;
        server
    }

    /// As the controller makes it, with its own migrations.
    async fn migrate(&self) {
        let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/workflow/migrations/postgres");
        let files = std::fs::read_dir(migrations).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<(u32, PathBuf)> = files.map(|path| (number(&path), path)).collect();
        files.sort();
        for (_, file) in &files {
            self.run(&format!("psql -qX -v ON_ERROR_STOP=1 -U deis -d deis -f {}", file.display())).await;
        }
        self.sql("CREATE TABLE _sqlx_migrations (version bigint); INSERT INTO _sqlx_migrations VALUES (9), (10)").await;
    }

    async fn sql(&self, statement: &str) -> String {
        self.run(&format!("psql -qXAt -v ON_ERROR_STOP=1 -U deis -d deis <<'END'\n{statement};\nEND")).await
    }

    async fn databases(&self) -> String {
        self.sql("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate").await
    }

    /// The shell with another program in the place of one of PostgreSQL's.
    fn with_program(&self, name: &str, text: &str) -> LocalShell {
        let programs = self.folder.path().join("programs");
        std::fs::create_dir(&programs).unwrap();
        let program = programs.join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut environment = self.shell.environment.clone();
        environment.push(("PATH", format!("{}:{PROGRAMS}:/usr/bin:/bin", programs.display())));
        LocalShell { folder: self.folder.path().to_owned(), environment }
    }

    async fn run(&self, text: &str) -> String {
        let text = Box::leak(text.to_owned().into_boxed_str());
        self.shell.ask(Script { doing: "prepares the test", text }, &[]).await.unwrap().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap_or_default();
        if let Some(Ok(pid)) = pid.lines().next().map(str::parse) {
            let _gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGQUIT);
        }
    }
}

fn number(path: &Path) -> u32 {
    path.file_name().unwrap().to_str().unwrap().split('_').next().unwrap().parse().unwrap()
}

async fn server(program: &str, arguments: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "a test fixture: fixed program, no user's text")]
    let mut command = tokio::process::Command::new(format!("{PROGRAMS}/{program}"));
    if nix::unistd::geteuid().is_root() {
        let user = nix::unistd::User::from_name("postgres").unwrap().unwrap();
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    // Not captured: the server inherits these, and a pipe would be waited for until it ends.
    let command = command.args(arguments).env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    assert!(command.status().await.unwrap().success(), "{program}");
}

async fn dumped(shell: &LocalShell) -> Result<(Ledger, Vec<u8>), LedgerError> {
    let take = async |mut stream: Reader| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        Ok::<_, LedgerError>(bytes)
    };
    dump(shell, take).await
}

#[tokio::test]
async fn a_ledger_is_dumped_loaded_and_put_in_its_place() {
    let server = Server::start().await;
    let shell = &server.shell;
    assert!(in_use(shell).await.unwrap().is_none(), "no controller has run yet");
    server.migrate().await;
    server
        .sql(
            "INSERT INTO users VALUES ('bob', '', '', '', '', true, true, true, NULL, 1);
             INSERT INTO apps (id, uuid, owner, structure, desired_release, fence, created, updated)
               SELECT 'app' || i, gen_random_uuid(), 'bob', '{}', 1, 7, 1, 1 FROM generate_series(1, 3) AS i;
             INSERT INTO configs (uuid, app, owner, entries, created) SELECT uuid, id, 'bob', '{}', 1 FROM apps;
             INSERT INTO builds (uuid, app, owner, image, sha, procfile, dockerfile, created)
               SELECT uuid, id, 'bob', '127.0.0.1:5555/' || id || '@sha256:aa', 'bb', '{}', '', 1 FROM apps;
             INSERT INTO releases (uuid, app, version, owner, summary, summary_if_failed, state, config, build, created, updated)
               SELECT uuid, id, 2, 'bob', '', '', CASE id WHEN 'app3' THEN 'failed' ELSE 'good' END, uuid, uuid, 1, 1 FROM apps",
        )
        .await;

    assert_eq!(apps(shell).await.unwrap().iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["app1", "app2", "app3"]);
    let (ledger, dump) = dumped(shell).await.unwrap();
    assert_eq!(ledger.apps.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["app1", "app2", "app3"]);
    assert_eq!((ledger.schema, ledger.rows["apps"], ledger.rows["releases"]), (10, 3, 3));
    let images = ledger.builds.iter().map(|build| build.stored_image().unwrap()).collect::<Vec<_>>();
    assert_eq!(images, [("app1", "sha256:aa"), ("app2", "sha256:aa")], "of releases that one may go back to");

    // What happens afterwards is not in it.
    server.sql("DELETE FROM releases; DELETE FROM apps WHERE id = 'app1'").await;
    load(shell, "deis_verify_1", false, dump.as_slice(), &ledger).await.unwrap();
    assert_eq!(server.databases().await, "deis postgres", "a rehearsal leaves nothing");

    let less = Ledger { rows: [("apps".to_owned(), 2)].into(), ..ledger.clone() };
    let other = load(shell, "deis_verify_2", false, dump.as_slice(), &less).await.unwrap_err().to_string();
    assert!(other.contains("apps 3 instead of 2"), "{other}");
    let half = dump.get(..dump.len() / 2).unwrap();
    let broken = load(shell, "deis_verify_3", true, half, &ledger).await.unwrap_err().to_string();
    assert!(broken.starts_with("the program that loads the ledger failed (1): pg_restore: error:"), "{broken}");
    assert_eq!(server.databases().await, "deis postgres", "what failed leaves nothing");

    load(shell, "deis_restore_1", true, dump.as_slice(), &ledger).await.unwrap();
    assert_eq!(server.databases().await, "deis deis_restore_1 postgres");
    assert_eq!(in_use(shell).await.unwrap().unwrap().apps.len(), 2, "nothing is in its place yet");
    swap(shell, "deis_restore_1").await.unwrap();
    assert_eq!(server.databases().await, "deis postgres");
    assert_eq!(in_use(shell).await.unwrap().unwrap().rows, ledger.rows);
    assert_eq!(server.sql("SELECT count(*) FROM apps WHERE fence > 1700000000000 AND intent = 1").await, "3");

    load(shell, "deis_restore_2", true, dump.as_slice(), &ledger).await.unwrap();
    drop_loaded(shell, "deis_restore_2").await.unwrap();
    assert_eq!(server.databases().await, "deis postgres");
}

/// Whoever is sent away comes back, and again; then he has had enough.
#[tokio::test]
async fn a_client_that_comes_back_does_not_keep_the_ledger() {
    let server = Server::start().await;
    server.migrate().await;
    server.run("createdb -U deis -T deis deis_restore_1").await;
    let clients = Script {
        doing: "stays connected",
        text: "for client in 1 2 3; do
                 psql -qXAt -U deis -d deis -c \"SELECT 'here'\" -c 'SELECT pg_sleep(1000)' 2>/dev/null
               done",
    };
    let mut clients = server.shell.start(clients, &[], false).await.unwrap();
    BufReader::new(&mut clients.stdout).read_line(&mut String::new()).await.unwrap();
    swap(&server.shell, "deis_restore_1").await.unwrap();
    assert_eq!(server.databases().await, "deis postgres");
}

#[tokio::test]
async fn a_swap_whose_answer_is_lost_is_found_done() {
    let server = Server::start().await;
    server.migrate().await;
    server.run("createdb -U deis -T deis deis_restore_1").await;
    let shell = server.with_program(
        "psql",
        &format!(
            "{PROGRAMS}/psql \"$@\" || exit\ncase \"$*\" in *new=*) [ -e lost ] || {{ touch lost; exit 2; }};; esac"
        ),
    );
    swap(&shell, "deis_restore_1").await.unwrap();
    assert!(server.folder.path().join("lost").exists());
    assert_eq!(server.databases().await, "deis postgres");

    // One that is not there is no ledger.
    let none = swap(&server.shell, "deis_restore_2").await.unwrap_err().to_string();
    assert!(none.contains("database \"deis_restore_2\" does not exist"), "{none}");
    assert_eq!(server.databases().await, "deis postgres");
}

#[tokio::test]
async fn what_was_left_is_dropped() {
    let server = Server::start().await;
    let now = jiff::Timestamp::now().as_millisecond();
    let today = format!("deis_verify_{now}");
    let left = ["deis_restore_1", "deis_restore_2_before", "deis_verify_3", &today, "deis_restore_mine", "other"];
    for name in left {
        server.run(&format!("createdb -U deis {name}")).await;
    }
    drop_stale(&server.shell).await.unwrap();
    assert_eq!(server.databases().await, format!("deis deis_restore_mine {today} other postgres"));
}

#[tokio::test]
async fn a_dump_that_fails_is_told() {
    let server = Server::start().await;
    let error = dumped(&server.shell).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the program that dumps the ledger failed (3): ") && error.contains("_sqlx_migrations"),
        "{error}"
    );

    // The dump itself, when the facts are told already.
    server.migrate().await;
    let shell = server.with_program("pg_dump", "echo half of it\necho 'no space left' >&2\nexit 1");
    let error = dumped(&shell).await.unwrap_err().to_string();
    assert!(error.contains("no space left"), "{error}");
}
