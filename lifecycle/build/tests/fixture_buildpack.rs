//! A buildpack that is not ours, from source to layers.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Cache, Cached, build, build_with, source};

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

/// The second build of two, and what the first had cached.
async fn build_again(
    colours: [&str; 2],
    max_bytes: i64,
    change: impl Fn(&mut Cached),
) -> (common::Received, common::Received) {
    let root = tempfile::tempdir().unwrap();
    let empty = Cache { max_bytes, ..Cache::default() };
    let (outcome, first) =
        build_with(fixtures(), root.path(), source(SOURCE), &[("COLOUR", colours[0])], MIB, empty).await;
    outcome.unwrap();
    let mut given = first.cache.clone();
    given.iter_mut().for_each(change);
    let root = tempfile::tempdir().unwrap();
    let cache = Cache { given, max_bytes };
    let (outcome, second) =
        build_with(fixtures(), root.path(), source(SOURCE), &[("COLOUR", colours[1])], MIB, cache).await;
    outcome.unwrap();
    assert!(!root.path().join("layers/.restored").exists());
    (first, second)
}

fn layers(layers: &[deis_proto::builder::CacheLayer]) -> Vec<(&str, &str, &str)> {
    layers.iter().map(|layer| (layer.buildpack.as_str(), layer.name.as_str(), layer.metadata.as_str())).collect()
}

#[tokio::test]
async fn a_cached_layer_comes_back_and_is_sent_only_when_it_changes() {
    let sent =
        |received: &common::Received| received.cache.iter().map(|cached| cached.layer.clone()).collect::<Vec<_>>();
    let scraps = |colour| format!("[metadata]\ncolour = \"{colour}\"\n");
    let (red, blue) = (scraps("red"), scraps("blue"));
    let store = ("acme/paint", "store", "[metadata]\nsince = 2016\n");
    let back = |line: &&String| line.contains("scraps are back");

    let (first, second) = build_again(["red", "red"], MIB, |_| {}).await;
    assert_eq!(layers(&sent(&first)), [("acme/paint", "scraps", red.as_str()), store]);
    assert!(!first.lines.iter().any(|line| line.contains("cache")) && !first.lines.iter().any(|line| back(&line)));
    assert_eq!(second.lines[..2], ["-----> Paint app detected", "-----> Restoring cache"]);
    // The types are the buildpack's to say again: they do not come back.
    let found = "scraps are back: chips of red, [metadata] colour = \"red\" [metadata] since = 2016 ";
    assert!(second.lines.iter().find(back).unwrap().ends_with(found), "{:?}", second.lines);
    assert_eq!((sent(&second).len(), second.cache_problem.as_deref()), (0, Some("")));
    assert_eq!(layers(&second.kept), [("acme/paint", "scraps", red.as_str()), store]);

    let (_, second) = build_again(["red", "blue"], MIB, |_| {}).await;
    assert!(second.lines.iter().any(|line| line.contains("chips of red")));
    assert_eq!(layers(&sent(&second)), [("acme/paint", "scraps", blue.as_str())]);
    assert_eq!(layers(&second.kept), [store]);
}

#[tokio::test]
async fn a_cache_that_breaks_costs_a_line() {
    // Another content than was saved, something that is no archive, somebody else's layer, a name that leads elsewhere.
    let other = "sha256:".to_owned() + &"0".repeat(64);
    for (number, line) in [
        (0, Some("       scraps of acme/paint is not restored: its content is not what was saved.")),
        (1, Some("       scraps of acme/paint is not restored: the layer's archive is malformed.")),
        (2, None),
        (3, Some("       ../scraps of acme/paint is not restored: its name is not one of a layer.")),
    ] {
        let (_, second) = build_again(["red", "red"], MIB, |cached| {
            if cached.layer.name == "scraps" {
                match number {
                    0 => cached.end.digest.clone_from(&other),
                    1 => cached.bytes = b"no archive".to_vec(),
                    2 => cached.layer.buildpack = "acme/picky".to_owned(),
                    _ => cached.layer.name = "../scraps".to_owned(),
                }
            }
        })
        .await;
        let found = second.lines.iter().find(|line| line.contains("not restored"));
        assert_eq!(found.map(String::as_str), line);
        assert!(!second.lines.iter().any(|line| line.contains("scraps are back")));
        assert_eq!((second.cache.len(), second.kept.len()), (1, 1), "the layer is cached again, the store is kept");
    }
    let (first, second) = build_again(["red", "red"], 100, |_| {}).await;
    let problem = Some("it is bigger than 0 MiB, packed");
    assert_eq!((first.cache_problem.as_deref(), second.cache_problem.as_deref()), (problem, problem));
    let root = tempfile::tempdir().unwrap();
    let (_, received) = build(fixtures(), root.path(), source(SOURCE), &[("COLOUR", "red")], MIB).await;
    assert_eq!((received.cache.len(), received.cache_problem), (0, None), "nothing is cached where nothing may be");
}

#[tokio::test]
async fn slugignore_leaves_files_out() {
    let files = [SOURCE, &[(".slugignore", "*.css\n/assets/logo.svg\n")]].concat();
    let root = tempfile::tempdir().unwrap();
    let (outcome, received) = build(fixtures(), root.path(), source(&files), &[("COLOUR", "red")], MIB).await;
    outcome.unwrap();
    assert_eq!(received.lines[0], "-----> Left out 2 files and folders that .slugignore names");
    let into = tempfile::tempdir().unwrap();
    let slice = received.unpack("slice-1", into.path()).join("workspace/assets");
    assert!(slice.join("css").is_dir() && !slice.join("css/site.css").exists() && !slice.join("logo.svg").exists());
}
