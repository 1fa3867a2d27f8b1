//! `docs/reference/error-codes.md` is written from the code. This test writes it again and fails when it differs;
//! `UPDATE_GENERATED=1 cargo test -p deis-api` (or `make reference`) stores it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests assert by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use deis_api::Code;

const HEAD: &str = "\
<!-- Written by crates/api/tests/error_codes.rs from crates/api/src/code.rs; `make reference` writes it again. -->

# Error codes

Whatever the platform refuses, and whatever fails, has one of these codes. A code keeps its meaning for ever, so that scripts
may rely on it; the sentence that comes with it is for people and may change. A code is found

- as `Code:` below an error of `deis` or `deisctl`, and in brackets at the end of a failed `git push`,
- in the header `Deis-Error-Code` of the REST API's answers and of the router's own error pages,
- as `reason` of the `ErrorInfo` (domain `deis.io`) in gRPC statuses,
- as the reason of the Event that `kubectl describe service <app>` shows of a deploy that failed.

*Again* says whether the same call may succeed later without anybody changing anything.
";

/// Where the codes are declared, in groups under comments.
const SOURCE: &str = include_str!("../src/code.rs");

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/error-codes.md");
    let text = reference();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(stored == text, "docs/reference/error-codes.md differs from the code: run `make reference`");
}

fn reference() -> String {
    let mut text = HEAD.to_owned();
    let mut codes = Code::ALL.iter();
    for (title, declared) in groups() {
        write!(text, "\n## {title}\n\n| Code | HTTP | gRPC | Again | Meaning |\n|---|---|---|---|---|\n").unwrap();
        for code in codes.by_ref().take(declared) {
            let again = if code.retryable() { "yes" } else { "no" };
            let (http, grpc, meaning) = (code.http_status(), grpc_name(code.grpc_status()), code.meaning().trim());
            writeln!(text, "| `{code}` | {http} | {grpc} | {again} | {meaning} |").unwrap();
        }
    }
    assert_eq!(codes.next(), None, "a code stands in no group");
    text
}

/// The comments above the groups, with the number of codes below each.
fn groups() -> Vec<(&'static str, usize)> {
    let declarations = SOURCE.split_once("\ncodes! {\n").unwrap().1.split_once("\n}\n").unwrap().0;
    let mut groups = Vec::new();
    for line in declarations.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix("// ") {
            groups.push((title.trim_end_matches('.'), 0));
        } else if line.ends_with(';') {
            groups.last_mut().unwrap().1 += 1;
        }
    }
    groups
}

/// As the gRPC specification writes the number.
fn grpc_name(status: i32) -> &'static str {
    match status {
        3 => "INVALID_ARGUMENT",
        4 => "DEADLINE_EXCEEDED",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        16 => "UNAUTHENTICATED",
        other => panic!("{other} has no name here"),
    }
}
