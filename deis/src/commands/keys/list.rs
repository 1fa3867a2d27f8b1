use clap::Args;
use deis_api::rest::Key;
use deis_cli::{Failure, OutputArgs};

use crate::context::{Context, PageArgs, ProfileArgs};
use crate::format;

/// List your SSH keys
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let keys = session.list::<Key>(&["keys", ""], &self.page).await?;
        let username = session.username().await?;
        self.output.show(&mut context.ui, &keys.results, |ui, results| {
            format::head(ui, format_args!("{username} Keys"), &keys)?;
            let width = results.iter().map(|key| key.id.chars().count()).max().unwrap_or(0);
            results.iter().try_for_each(|key| ui.line(format_args!("{:width$} {}", key.id, excerpt(&key.public))))
        })
    }
}

/// The first 16 and the last 10 characters; a shorter text as it is.
fn excerpt(public: &str) -> String {
    let characters = public.trim().chars().collect::<Vec<_>>();
    match (characters.first_chunk::<16>(), characters.last_chunk::<10>()) {
        (Some(first), Some(last)) => [first.as_slice(), &['.'; 3], last].concat().into_iter().collect(),
        _ => characters.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_by_its_ends() {
        assert_eq!(excerpt("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA bob@laptop.lan\n"), "ssh-ed25519 AAAA...laptop.lan");
        assert_eq!(excerpt("short"), "short");
    }
}
