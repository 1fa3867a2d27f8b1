//! The real program on images made by hand.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests start the program under test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tempfile::TempDir;

struct Image(TempDir);

impl Image {
    fn new(files: &[(&str, &str)]) -> Self {
        let image = Self(tempfile::tempdir().unwrap());
        for (path, content) in
            [("layers/config/buildpacks", "acme_tool\n"), ("workspace/marker", "")].iter().chain(files)
        {
            let path = image.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        image
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn launcher(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("CNB_LAYERS_DIR", self.path().join("layers"))
            .env("CNB_APP_DIR", self.path().join("workspace"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.launcher(arguments).output().unwrap()
    }
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_environment_comes_from_the_layers() {
    let image = Image::new(&[
        ("layers/config/processes/web", "\0show\0"),
        ("layers/acme_tool/tool/bin/show", "#!/bin/sh\necho \"$COLOUR $SHAPE $SIZE\"; pwd\n"),
        ("layers/acme_tool/tool/env/COLOUR", "red"),
        ("layers/acme_tool/tool/env.launch/SHAPE.default", "round"),
        ("layers/acme_tool/tool/env.launch/web/SIZE.append", "!"),
    ]);
    let output = image.launcher(&["web"]).env("SIZE", "big").output().unwrap();
    let workspace = image.path().join("workspace").canonicalize().unwrap();
    assert_eq!(text(&output), format!("red round big!\n{}\n", workspace.display()));
}

#[test]
fn profile_scripts_are_sourced_before_the_process() {
    let image = Image::new(&[
        ("layers/config/processes/web", "\0bash\0-c\0echo \"$ORDER $*\"\0name\0a b\0"),
        ("layers/acme_tool/tool/profile.d/one", "ORDER=1; set -- spoilt"),
        ("layers/acme_tool/tool/profile.d/web/two", "ORDER=${ORDER}2"),
        ("workspace/.profile.d/three.sh", "ORDER=${ORDER}3"),
        ("workspace/.profile.d/notes.txt", "ORDER=never"),
        ("workspace/.profile", "export ORDER=${ORDER}4"),
    ]);
    assert_eq!(text(&image.run(&["web"])), "1234 a b\n");
    assert_eq!(text(&image.run(&["--", "sh", "-c", "echo $ORDER"])), "134\n");
}

#[test]
fn the_app_is_the_very_process_and_gets_the_signals() {
    let web = ("layers/config/processes/web", "\0bash\0-c\0echo $$ && sleep 60\0");
    for files in [&[web][..], &[web, ("workspace/.profile", "A=1")]] {
        let image = Image::new(files);
        let mut child = image.launcher(&["web"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), child.id().to_string());
        nix::sys::signal::kill(Pid::from_raw(line.trim().parse().unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
    }
}

#[test]
fn what_cannot_start_says_why_and_ends_as_a_shell_would() {
    let image = Image::new(&[
        ("layers/config/processes/gone", "\0no-such-program\0"),
        ("layers/config/processes/lost", "/no/such/folder\0true\0"),
        ("layers/config/processes/folder", "\0/etc\0"),
    ]);
    for (process_type, status, message) in [
        ("gone", 127, "launcher: no-such-program: command not found"),
        ("lost", 125, "launcher: cannot start in /no/such/folder: No such file or directory (os error 2)"),
        ("folder", 126, "launcher: cannot execute /etc: Permission denied (os error 13)"),
        ("web", 125, "launcher: this image has no process type \"web\"; it has folder, gone, lost"),
    ] {
        let output = image.run(&[process_type]);
        assert_eq!(output.status.code(), Some(status));
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim(), message);
    }
}
