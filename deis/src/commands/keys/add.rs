use std::path::{Path, PathBuf};

use clap::Args;
use deis_api::rest::NewKey;
use deis_cli::Failure;
use serde::de::IgnoredAny;

use super::choose::choose;
use super::public_key::PublicKey;
use crate::api::Wait;
use crate::context::{Context, ProfileArgs};

/// Add an SSH key to push with
#[derive(Debug, Args)]
pub struct Add {
    /// A name for the key; else its comment, else the file's name. A single argument that is a file is the file
    #[arg(value_name = "name")]
    name: Option<String>,
    /// The public key file; asked for when it is missing
    #[arg(value_name = "key file")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Add {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let (name, file) = match (self.name, self.key_file) {
            (Some(file), None) if Path::new(&file).is_file() => (None, Some(PathBuf::from(file))),
            named => named,
        };
        let key = match file {
            Some(file) => PublicKey::read(&file)?,
            None => choose(context)?,
        };
        let progress = context.ui.progress(format!("Uploading {} to deis... ", key.file_name()))?;
        let request = NewKey { id: name.unwrap_or(key.id), public: key.text };
        session.api.post::<_, IgnoredAny>(&["keys", ""], &request, Wait::Short).await?;
        Ok(progress.done("done")?)
    }
}
