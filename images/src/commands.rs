//! The subcommands, one file each.

use std::path::PathBuf;

pub mod build;
pub mod list;
pub mod push;

/// What several subcommands ask for.
#[derive(clap::Args)]
pub struct Common {
    /// The file that says what each image holds
    #[arg(long, value_name = "FILE", default_value = "images/images.toml")]
    pub catalog: PathBuf,
}
