//! Both phases of the buildpacks on the examples, called as a lifecycle calls them.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests start the program under test")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

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

/// All of them, by the name of their folder.
const BUILDPACKS: [&str; 7] = ["go", "java", "nodejs", "php", "python", "ruby", "static"];

const PASS: Option<i32> = Some(0);
const FAIL: Option<i32> = Some(100);

#[test]
fn each_knows_its_own() {
    for (files, expected) in [
        (&[("go.mod", "module x\n")][..], &["go"][..]),
        (&[("main.go", "package main\n")], &["go"]),
        (&[("pom.xml", "")], &["java"]),
        (&[("package.json", "{}")], &["nodejs"]),
        (&[("package.json", "{}"), ("cmd/main.go", "")], &["nodejs"]),
        (&[("composer.json", "{}")], &["php"]),
        (&[("index.php", "")], &["php"]),
        (&[("public/index.php", "")], &["php", "static"]),
        (&[("requirements.txt", "")], &["python"]),
        (&[("pyproject.toml", "")], &["python"]),
        (&[("Gemfile", ""), ("package.json", "{}"), ("public/404.html", "")], &["nodejs", "ruby", "static"]),
        (&[("index.html", "")], &["static"]),
        (&[("public/app.js", "")], &["static"]),
        (&[("README.md", "")], &[]),
    ] {
        let passed = |buildpack: &&&str| match Lifecycle::new(buildpack, files).detect() {
            PASS => true,
            FAIL => false,
            other => panic!("{buildpack} on {files:?}: {other:?}"),
        };
        let found = BUILDPACKS.iter().filter(passed).copied().collect::<Vec<_>>();
        assert_eq!(found, expected, "{files:?}");
    }
}

#[derive(Deserialize)]
struct OrderFile {
    order: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    group: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    id: String,
    #[serde(default)]
    optional: bool,
}

/// The group of the order that builds, without its optional members that do not take part.
fn group(files: &[(&str, &str)]) -> Vec<String> {
    let order = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("order.toml")).unwrap();
    let order: OrderFile = toml::from_str(&order).unwrap();
    for entry in order.order {
        let mut taking_part = Vec::new();
        let fits = entry.group.iter().all(|member| {
            let name = member.id.strip_prefix("deis/").unwrap();
            let passes = Lifecycle::new(name, files).detect() == PASS;
            if passes {
                taking_part.push(name.to_owned());
            }
            passes || member.optional
        });
        if fits {
            return taking_part;
        }
    }
    Vec::new()
}

#[test]
fn the_order_puts_what_browsers_load_before_what_serves_it() {
    let package = ("package.json", "{}");
    for (files, expected) in [
        (&[package][..], &["nodejs"][..]),
        (&[package, ("Gemfile", ""), ("public/404.html", "")], &["nodejs", "ruby"]),
        (&[package, ("requirements.txt", "")], &["nodejs", "python"]),
        (&[package, ("composer.json", "{}"), ("public/index.php", "")], &["nodejs", "php"]),
        (&[package, ("go.mod", "module x\n")], &["go"]),
        (&[package, ("pom.xml", "")], &["java"]),
        (&[("public/index.html", "")], &["static"]),
    ] {
        assert_eq!(group(files), expected, "{files:?}");
    }
}

#[test]
fn each_example_is_built_by_its_buildpack_alone() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut names = fs::read_dir(&examples)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, BUILDPACKS);
    for name in names {
        let files = fs::read_dir(examples.join(&name)).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let is_folder = entry.path().is_dir();
            // A folder is there when something is in it.
            entry.file_name().into_string().unwrap() + if is_folder { "/file" } else { "" }
        });
        let files = files.collect::<Vec<_>>();
        let files = files.iter().map(|path| (path.as_str(), "")).collect::<Vec<_>>();
        assert_eq!(group(&files), [name.as_str()], "{files:?}");
    }
}

#[test]
fn what_the_stack_cannot_do_is_refused_in_one_sentence() {
    let needs = r#"{"require": {"acme/tool": "^1"}}"#;
    for (buildpack, files, sentence) in [
        ("nodejs", &[("package.json", "{]")][..], "package.json cannot be read: "),
        ("nodejs", &[("package.json", "{}"), ("pnpm-lock.yaml", "")], "pnpm-lock.yaml cannot be used: pnpm is not in"),
        ("python", &[("pyproject.toml", ""), ("poetry.lock", "")], "poetry.lock cannot be used: its tool is not in"),
        ("python", &[("Pipfile", "")], "A Pipfile cannot be used: pipenv is not in the stack."),
        ("ruby", &[("Gemfile", "")], "There is no Gemfile.lock. Run \"bundle install\""),
        ("php", &[("composer.json", needs)], "There is no composer.lock. Run \"composer update\""),
    ] {
        let output = Lifecycle::new(buildpack, files).build();
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && printed.starts_with(sentence), "{buildpack} {files:?}: {printed}");
        assert_eq!(printed.lines().count(), 1, "{printed}");
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
