use std::io;

use clap::Args;
use deis_api::rest::User;
use deis_cli::{Failure, OutputArgs, Ui};

use crate::context::{Context, ProfileArgs};

/// Show who you are logged in as
#[derive(Debug, Args)]
pub struct Whoami {
    /// Show all that the controller knows of you
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Whoami {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let user = session.whoami().await?;
        self.output.show(&mut context.ui, &user, |ui, user| {
            if self.all {
                show_all(ui, user)
            } else {
                ui.line(format_args!("You are {} at {}", user.username, session.api.controller()))
            }
        })
    }
}

fn show_all(ui: &mut Ui, user: &User) -> io::Result<()> {
    // The contract sends no id, and clients always showed 0.
    ui.line("ID: 0")?;
    ui.line(format_args!("Username: {}", user.username))?;
    ui.line(format_args!("Email: {}", user.email))?;
    ui.line(format_args!("First Name: {}", user.first_name))?;
    ui.line(format_args!("Last Name: {}", user.last_name))?;
    ui.line(format_args!("Last Login: {}", user.last_login.map(|time| time.to_string()).unwrap_or_default()))?;
    ui.line(format_args!("Is Superuser: {}", user.is_superuser))?;
    ui.line(format_args!("Is Staff: {}", user.is_staff))?;
    ui.line(format_args!("Is Active: {}", user.is_active))?;
    ui.line(format_args!("Date Joined: {}", user.date_joined))
}
