use std::io;

use clap::Args;
use deis_api::rest::Certificate;
use deis_cli::{Failure, OutputArgs, Ui};

use super::list::UNKNOWN;
use crate::context::{Context, ProfileArgs};

/// Show what is known about a certificate
#[derive(Debug, Args)]
pub struct Info {
    /// The certificate, as certs:list shows it
    #[arg(value_name = "name")]
    name: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Info {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let certificate = session.api.get::<Certificate>(&["certs", &self.name]).await?;
        self.output.show(&mut context.ui, &certificate, show)
    }
}

fn show(ui: &mut Ui, certificate: &Certificate) -> io::Result<()> {
    let Certificate { name, common_name, expires, starts, fingerprint, san, issuer, subject, domains, .. } =
        certificate;
    let or = |list: &[String], none: &str| if list.is_empty() { none.to_owned() } else { list.join(", ") };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time = |time: &Option<deis_api::rest::Time>| time.map_or_else(|| UNKNOWN.to_owned(), |time| time.to_string());
    let mut line = |title: &str, value: String| ui.line(format!("{title:20}{value}").trim_end());
    line(&format!("=== {name} Certificate"), String::new())?;
    line("Common Name(s):", text(common_name))?;
    line("Expires At:", time(expires))?;
    line("Starts At:", time(starts))?;
    line("Fingerprint:", fingerprint.clone())?;
    line("Subject Alt Name:", or(san, "N/A"))?;
    line("Issuer:", text(issuer))?;
    line("Subject:", text(subject))?;
    line("", String::new())?;
    line("Connected Domains:", or(domains, "No connected domains"))?;
    line("Owner:", certificate.owner.clone())?;
    line("Created:", certificate.created.to_string())?;
    line("Updated:", certificate.updated.to_string())
}
