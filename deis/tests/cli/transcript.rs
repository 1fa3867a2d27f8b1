//! Runs `deis` where nothing of the machine can be seen, and writes down what happened.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::stub::{Stub, StubBuilder, TOKEN};

/// A user at a machine of their own, whose network knows `deis.example.com` alone.
pub struct Machine {
    folder: TempDir,
    pub stub: Stub,
}

impl Machine {
    /// Nobody has logged in yet.
    pub fn fresh(stub: StubBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "project", "bin"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, stub: stub.start() }
    }

    pub fn logged_in(stub: StubBuilder) -> Self {
        let machine = Self::fresh(stub);
        machine.write(
            "home/.deis/client.json",
            &format!(
                r#"{{"username":"bob","ssl_verify":true,"controller":"http://deis.example.com","token":"{TOKEN}","response_limit":0}}"#
            ),
        );
        machine
    }

    /// Logged in, with a contract that answers as usual.
    pub fn usual() -> Self {
        Self::logged_in(StubBuilder::new())
    }

    /// Logged in, inside a git repository.
    pub fn in_repository() -> Self {
        let machine = Self::usual();
        machine.git(&["init", "-q"]);
        machine
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.command(Path::new("git")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A program in this machine's project folder. The only way out is a proxy, and the proxy is the stub.
    pub fn command(&self, program: &Path) -> Command {
        #[expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // git's words differ where the temporary folder is a mount of its own.
            .env("GIT_DISCOVERY_ACROSS_FILESYSTEM", "1")
            .env("http_proxy", format!("http://{}", self.stub.address))
            .current_dir(self.path("project"));
        command
    }

    pub fn deis(&self) -> Command {
        self.command(Path::new(env!("CARGO_BIN_EXE_deis")))
    }

    /// `deis {line}`, words parted by blanks.
    pub fn run(&self, line: &str) -> String {
        self.run_with(line, &[], "")
    }

    /// The same with more environment and with text on stdin.
    pub fn run_with(&self, line: &str, environment: &[(&str, &str)], stdin: &str) -> String {
        let mut command = assert_cmd::Command::from_std(self.deis());
        let command = command.args(line.split_whitespace()).envs(environment.iter().copied()).write_stdin(stdin);
        let output = command.output().unwrap();
        let mut text = format!("$ deis {line}\n{}", String::from_utf8(output.stdout).unwrap());
        section(&mut text, "stderr", &String::from_utf8(output.stderr).unwrap());
        if !output.status.success() {
            section(&mut text, "exit code", &format!("{}\n", output.status.code().unwrap()));
        }
        let asked = self.stub.asked.try_iter().map(|request| format!("{request}\n")).collect::<String>();
        section(&mut text, "asked", &asked);
        self.neutral(&text) + "\n"
    }

    /// Several lines, one after the other.
    pub fn run_all(&self, lines: &[&str]) -> String {
        lines.iter().map(|line| self.run(line)).collect()
    }

    /// Every command's name, as the completions of fish offer them; a shortcut is no command.
    pub fn commands(&self) -> Vec<String> {
        let shortcuts = self.run("shortcuts");
        let is_shortcut = |name: &str| shortcuts.lines().any(|line| line.starts_with(&format!("{name} -> ")));
        let script = self.run("completions fish");
        let offered = script
            .lines()
            .filter_map(|line| line.split_once("__fish_deis_needs_command\" -f -a \"")?.1.split('"').next());
        let mut names = offered.filter(|name| !is_shortcut(name)).map(str::to_owned).collect::<Vec<_>>();
        // A bare group stands for its list, or for what it has in its stead.
        let group = |name: &String| Some(name.strip_suffix(":list").or_else(|| name.strip_suffix(":info"))?.to_owned());
        let bare = names.iter().filter_map(group).collect::<Vec<_>>();
        names.retain(|name| !bare.contains(name));
        names
    }

    /// Without what differs from run to run.
    pub fn neutral(&self, text: &str) -> String {
        let text = text.replace(self.folder.path().to_str().unwrap(), "");
        text.split_inclusive('\n')
            .map(|line| if line.starts_with("done in ") { "done in {s}s\n" } else { line })
            .collect()
    }
}

fn section(text: &mut String, title: &str, content: &str) {
    if !content.is_empty() {
        write!(text, "--- {title}\n{content}").unwrap();
    }
}
