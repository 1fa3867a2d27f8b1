use serde_json::{Map, Value, json};

use crate::configs::{self, Settings};
use crate::ledger::Build;

/// What of two releases is different, as it is in the one and in the other: of the config ([`configs::difference`]), the image, the
/// commit, and the commands of the process types.
#[must_use]
pub fn difference(
    before: (&Settings, Option<&Build>),
    after: (&Settings, Option<&Build>),
) -> (Map<String, Value>, Map<String, Value>) {
    let (mut was, mut is) = configs::difference(before.0, after.0);
    let (old, new) = (of_build(before.1), of_build(after.1));
    for ((name, before), (_, after)) in old.into_iter().zip(new) {
        if before != after {
            was.insert(name.to_owned(), before);
            is.insert(name.to_owned(), after);
        }
    }
    (was, is)
}

/// Always the same names, in the same order.
fn of_build(build: Option<&Build>) -> [(&'static str, Value); 3] {
    let of = |value: fn(&Build) -> Value| build.map_or(Value::Null, value);
    [
        ("image", of(|build| json!(build.image))),
        ("sha", of(|build| json!(build.sha.as_ref().map(ToString::to_string)))),
        ("procfile", of(|build| json!(build.procfile))),
    ]
}
