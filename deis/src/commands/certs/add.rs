use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use deis_api::rest::NewCertificate;
use deis_cli::Failure;
use serde::de::IgnoredAny;

use crate::api::Wait;
use crate::context::{Context, ProfileArgs};

/// Add a certificate, to be attached to domains
#[derive(Debug, Args)]
pub struct Add {
    /// A name for the certificate: lower-case letters, digits and hyphens, ex: www-example-com
    #[arg(value_name = "name")]
    name: String,
    /// The file with the certificate, in PEM form; those of its issuers may follow in the same file
    #[arg(value_name = "cert")]
    certificate: PathBuf,
    /// The file with its private key, in PEM form and without a passphrase
    #[arg(value_name = "key")]
    key: PathBuf,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Add {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let certificate = read(&self.certificate)?;
        let request = NewCertificate { name: self.name, certificate, key: read(&self.key)?.into(), common_name: None };
        let progress = context.ui.progress("Adding SSL endpoint... ".to_owned())?;
        session.api.post::<_, IgnoredAny>(&["certs", ""], &request, Wait::Short).await?;
        Ok(progress.done("done")?)
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))
}
