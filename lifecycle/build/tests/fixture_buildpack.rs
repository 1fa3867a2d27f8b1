//! A buildpack that is not ours, from source to layers.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{build, source};

const MIB: i64 = 1 << 20;
const SOURCE: &[(&str, &str)] = &[
    ("Procfile", "web: brush --narrow\nworker: brush --tiny\n"),
    ("paint.txt", "fresh\n"),
    ("assets/logo.svg", "<svg/>"),
    ("assets/css/site.css", "a{}"),
];

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"))
}

#[tokio::test]
async fn source_becomes_layers() {
    let root = tempfile::tempdir().unwrap();
    let (outcome, received) = build(fixtures(), root.path(), source(SOURCE), &[("COLOUR", "red")], MIB).await;
    outcome.unwrap();

    let (environment, lines): (Vec<_>, Vec<_>) = received.lines.iter().partition(|line| line.contains("CNB_"));
    assert_eq!(
        lines,
        [
            "-----> Paint app detected",
            "---> Mixing",
            "       colour is red, plan says colour = \"red\"",
            "-----> Discovering process types",
            "       Procfile declares types -> web, worker",
            "       Default process types for Paint -> drip",
        ]
    );
    // Nothing else of our own environment reaches a buildpack; the token least of all. PWD is the shell's own.
    assert_eq!(
        environment[0].trim(),
        "CNB_BP_PLAN_PATH CNB_BUILDPACK_DIR CNB_LAYERS_DIR CNB_PLATFORM_DIR CNB_TARGET_ARCH CNB_TARGET_DISTRO_NAME \
         CNB_TARGET_DISTRO_VERSION CNB_TARGET_OS COLOUR HOME LANG PATH PWD"
    );

    let result = received.result.as_ref().unwrap();
    let processes = |name: &str| result.processes.get(name).map(String::as_str);
    assert_eq!(processes("web"), Some("brush --narrow"));
    assert_eq!((processes("drip"), result.processes.len()), (Some("brush"), 3));
    assert_eq!((result.default_process.as_str(), result.detected.as_str()), ("web", "Paint"));
    assert_eq!(result.buildpacks, ["acme/paint@2.0.1"]);

    let names = received.layers.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["acme/paint:brush", "slice-1", "app", "config"]);
    let into = tempfile::tempdir().unwrap();
    let brush = received.unpack("acme/paint:brush", into.path()).join("layers/acme_paint/brush");
    assert_eq!(fs::read_to_string(brush.join("env.launch/COLOUR.default")).unwrap(), "red");
    assert_eq!(fs::metadata(brush.join("bin/brush")).unwrap().permissions().mode() & 0o777, 0o755);
    let slice = received.unpack("slice-1", into.path()).join("workspace/assets");
    assert!(slice.join("logo.svg").exists() && slice.join("css/site.css").exists());
    let app = received.unpack("app", into.path()).join("workspace");
    assert_eq!(fs::read_to_string(app.join("paint.txt")).unwrap(), "fresh\ndone\n");
    assert!(app.join("assets").is_dir() && !app.join("assets/logo.svg").exists());
    let config = received.unpack("config", into.path()).join("layers/config");
    assert_eq!(fs::read_to_string(config.join("processes/web")).unwrap(), "\0bash\0-c\0brush --narrow\0");
    assert_eq!(fs::read_to_string(config.join("processes/drip")).unwrap(), "\0brush\0");
    assert_eq!(fs::read_to_string(config.join("default")).unwrap(), "web");
    assert_eq!(fs::read_to_string(config.join("buildpacks")).unwrap(), "acme_paint\n");
}

#[tokio::test]
async fn the_same_source_gives_the_same_layers() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let root = tempfile::tempdir().unwrap();
        let (outcome, received) = build(fixtures(), root.path(), source(SOURCE), &[("COLOUR", "red")], MIB).await;
        outcome.unwrap();
        seen.push(received.layers.into_iter().map(|(name, checked, _)| (name, checked)).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn failures_have_a_code_and_a_sentence() {
    let long = "x".repeat(300);
    for (files, max, code, sentence) in [
        (
            &[("readme", "hi")][..],
            MIB,
            "nothing-detected",
            "None of the buildpacks of this platform (Picky, Paint) knows what to do with this source.",
        ),
        (&[("paint.txt", "fail")], MIB, "build-failed", "The Paint buildpack ended with exit status 42."),
        (
            &[("paint.txt", ""), ("Procfile", "Web: x")],
            MIB,
            "source-invalid",
            "Procfile cannot be read: \"Web\": Process types can only contain lowercase alphanumeric characters.",
        ),
        (&[("paint.txt", "")], 200, "too-large", "The image is bigger than it may be: 0 MiB, packed."),
        (&[("paint.txt", ""), (&long, "")], MIB, "source-refused", "The source cannot be unpacked: cannot write"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let (outcome, received) = build(fixtures(), root.path(), source(files), &[("COLOUR", "red")], max).await;
        let failure = received.failure.unwrap();
        assert_eq!(failure.code, code);
        assert!(failure.message.starts_with(sentence), "{}", failure.message);
        assert_eq!(outcome.unwrap_err().to_string(), failure.message);
    }
}

#[tokio::test]
async fn what_a_buildpack_prints_before_it_fails_is_seen() {
    let root = tempfile::tempdir().unwrap();
    let (_, received) =
        build(fixtures(), root.path(), source(&[("paint.txt", "fail")]), &[("COLOUR", "red")], MIB).await;
    assert_eq!(received.lines, ["-----> Paint app detected", "       the paint has dried"]);
}
