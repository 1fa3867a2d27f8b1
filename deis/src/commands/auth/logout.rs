use clap::Args;
use deis_cli::Failure;

use crate::client_file::ClientFile;
use crate::context::{Context, ProfileArgs};

/// Forget the token on this machine
#[derive(Debug, Args)]
pub struct Logout {
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Logout {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        ClientFile::remove(&context.client_file(&self.profile)?)?;
        Ok(context.ui.line("Logged out")?)
    }
}
