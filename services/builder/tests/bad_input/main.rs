//! Tables of what people and their programs get wrong when they push. Each row has an exit status, a sentence and its code, and
//! leaves nothing behind; the snapshots are what people read.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests assert by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod cuts;
mod half_open;
mod outages;
mod packs;
mod refs;
mod size;
mod source;
mod ssh;
mod world;
