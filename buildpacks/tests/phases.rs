//! Both phases of the buildpacks on the examples, called as a lifecycle calls them.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests start the program under test")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Lifecycle {
    root: tempfile::TempDir,
    buildpack: PathBuf,
}

impl Lifecycle {
    /// A build image with one buildpack, and a copy of `files` as the source.
    fn new(buildpack: &str, files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["cnb/bin", "app", "layers", "platform/env", "home"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(buildpack).join("buildpack.toml");
        let folder = root.path().join("cnb");
        fs::copy(source, folder.join("buildpack.toml")).unwrap();
        for phase in ["detect", "build"] {
            symlink(env!("CARGO_BIN_EXE_deis-buildpacks"), folder.join("bin").join(phase)).unwrap();
        }
        for (path, content) in files {
            let path = root.path().join("app").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self { buildpack: folder, root }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn run(&self, phase: &str, arguments: &[PathBuf]) -> Output {
        Command::new(self.buildpack.join("bin").join(phase))
            .args(arguments)
            .current_dir(self.path("app"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("home"))
            .env("CNB_BUILDPACK_DIR", &self.buildpack)
            .env("CNB_TARGET_OS", "linux")
            .env("CNB_TARGET_ARCH", "amd64")
            .env("CNB_TARGET_DISTRO_NAME", "debian")
            .env("CNB_TARGET_DISTRO_VERSION", "12")
            .env("GOPROXY", "off")
            .output()
            .unwrap()
    }

    fn detect(&self) -> Option<i32> {
        fs::write(self.path("build-plan.toml"), "").unwrap();
        self.run("detect", &[self.path("platform"), self.path("build-plan.toml")]).status.code()
    }

    fn build(&self) -> Output {
        fs::write(self.path("plan.toml"), "entries = []\n").unwrap();
        self.run("build", &[self.path("layers"), self.path("platform"), self.path("plan.toml")])
    }
}

fn example(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path)).unwrap()
}

const PASS: Option<i32> = Some(0);
const FAIL: Option<i32> = Some(100);

#[test]
fn each_knows_its_own() {
    for (files, go, files_alone) in [
        (&[("go.mod", "module x\n")][..], PASS, FAIL),
        (&[("main.go", "package main\n")], PASS, FAIL),
        (&[("index.html", "")], FAIL, PASS),
        (&[("public/app.js", "")], FAIL, PASS),
        (&[("package.json", "{}"), ("cmd/main.go", "")], FAIL, FAIL),
    ] {
        assert_eq!(Lifecycle::new("go", files).detect(), go, "{files:?}");
        assert_eq!(Lifecycle::new("static", files).detect(), files_alone, "{files:?}");
    }
}

#[test]
fn go_modules_are_built_from_vendored_dependencies() {
    let module = example("go/go.mod");
    let lifecycle = Lifecycle::new(
        "go",
        &[
            ("go.mod", &format!("{module}\nrequire example.com/greet v1.0.0\n")),
            ("main.go", "package main\n\nimport \"example.com/greet\"\n\nfunc main() { greet.Hello() }\n"),
            ("vendor/example.com/greet/greet.go", "package greet\n\nfunc Hello() { println(\"hello\") }\n"),
            ("vendor/modules.txt", "# example.com/greet v1.0.0\n## explicit\nexample.com/greet\n"),
        ],
    );
    let output = lifecycle.build();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("-----> Using go1."), "{printed}");
    assert!(printed.contains("-----> Running: go build -mod=vendor ./..."), "{printed}");
    assert!(lifecycle.path("layers/commands/bin/go-example").is_file());
    let types = fs::read_to_string(lifecycle.path("layers/commands.toml")).unwrap();
    assert!(types.contains("launch = true") && types.contains("cache = false"), "{types}");
    assert!(fs::read_to_string(lifecycle.path("layers/cache.toml")).unwrap().contains("cache = true"));
    let launch = fs::read_to_string(lifecycle.path("layers/launch.toml")).unwrap();
    assert!(launch.contains("type = \"web\"") && launch.contains("go-example"), "{launch}");
}

#[test]
fn go_source_that_cannot_be_built_says_why() {
    let module = "module x\n\ngo 1.19\n";
    for (files, sentence) in [
        (&[("main.go", "package main\n")][..], "There is no go.mod."),
        (&[("go.mod", module), ("main.go", "package main\n")], "function main is undeclared"),
        (&[("go.mod", module), ("x.go", "package x\n")], "no main packages"),
        (&[("go.mod", "module x\n\ngo 9.99\n"), ("main.go", "package main\nfunc main() {}\n")], "9.99"),
    ] {
        let output = Lifecycle::new("go", files).build();
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && printed.contains(sentence), "{printed}");
    }
}

#[test]
fn files_are_served_by_the_server_in_a_layer() {
    let lifecycle = Lifecycle::new("static", &[("public/index.html", &example("static/public/index.html"))]);
    let output = lifecycle.build();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "-----> Serving the files of public\n");
    assert!(lifecycle.path("layers/server/bin/static-server").is_file());
    let launch = fs::read_to_string(lifecycle.path("layers/launch.toml")).unwrap();
    assert!(launch.contains("static-server") && launch.contains("public"), "{launch}");
}
