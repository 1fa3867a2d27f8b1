//! The pre-receive hook: how git asks whether a push may move its refs.
//!
//! git runs this same program under the name `pre-receive`. It connects to the socket that stands in its environment, passes on
//! what git told it, prints what comes back, and ends with the exit status that comes last. The build runs inside of that, so that
//! a ref moves only when its commit was deployed.
//!
//! On the socket: one line of JSON (`Asked`) from the hook, then lines of JSON (`Told`) to it.

mod log;
mod program;
mod socket;

use serde::{Deserialize, Serialize};

use crate::git::Quarantine;

pub use program::{is_called, main};
pub(crate) use socket::{HookConnection, HookSocket, Lines};

/// The file name that git calls.
const NAME: &str = "pre-receive";

/// What the hook was told by git.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    /// Standard input: a line for each ref.
    updates: String,
    quarantine: Quarantine,
}

/// What the hook is told by the builder.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    /// To be printed.
    Line(String),
    /// The last: how to end.
    Exit(u8),
}

/// Puts the hook into `folder`, as a link to the builder's program.
pub(crate) fn install(folder: &std::path::Path, program: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let draft = folder.join(".draft");
    drop(std::fs::remove_file(&draft));
    std::os::unix::fs::symlink(program, &draft)?;
    std::fs::rename(draft, folder.join(NAME))
}
