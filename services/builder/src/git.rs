//! git: what a client asks for, the repositories, and the git program.

mod command;
mod exec;
mod pkt_line;
mod refs;
mod repository;
mod sweep;

pub(crate) use command::{Command, Verb};
pub(crate) use exec::{Git, GitChild, read_to_limit};
pub(crate) use pkt_line::error_line;
pub(crate) use refs::{Update, to_build};
pub(crate) use repository::{HOOK_SOCKET, Quarantine, Repositories, Repository};
pub(crate) use sweep::abandoned;
