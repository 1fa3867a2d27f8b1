//! What a controller that runs by itself has in place of the other services: deploy locks and progress in this process, a folder
//! instead of a database server, and nobody who builds or keeps log lines.
//!
//! It is for trying out and for tests: one process, and no second one beside it.

mod absent;
mod folder;
mod locks;
mod progress;

pub use absent::Absent;
pub use folder::{Folder, FolderError};
pub use locks::OwnLocks;
pub use progress::OwnProgress;
