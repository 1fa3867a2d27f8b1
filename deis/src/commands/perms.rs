//! Who may use an app, and who may do everything.

pub mod create;
pub mod delete;
pub mod list;

use clap::Args;

use crate::app::AppArgs;

/// An app's collaborators, or the platform's administrators.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    /// The platform's administrators, not an app's collaborators
    #[arg(long, conflicts_with = "app")]
    admin: bool,
    #[command(flatten)]
    app: AppArgs,
}
