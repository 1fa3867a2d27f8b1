use std::io;

use clap::Args;
use deis_api::Username;
use deis_api::rest::{AccountActivity, Activity as Entry, Page};
use deis_cli::{Failure, OutputArgs, Ui, table};

use super::apps::logs::line::harmless;
use crate::app::AppArgs;
use crate::context::{Context, PageArgs};
use crate::format;

/// List who did what to an app, or to accounts, the newest first
#[derive(Debug, Args)]
pub struct Activity {
    /// What was done to accounts, not to an app; for administrators
    #[arg(long, conflicts_with = "app")]
    admin: bool,
    /// Of that only what this user did, or what was done to his account
    #[arg(long, value_name = "username", requires = "admin")]
    user: Option<Username>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl Activity {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        if self.admin {
            let session = context.session(&self.app.profile)?;
            let user = self.user.iter().map(|user| ("user", user.as_str())).collect::<Vec<_>>();
            let (segments, limit) = (["admin", "activity", ""], session.limit(&self.page));
            let entries = session.api.list_where::<AccountActivity>(&segments, limit, &user).await?;
            return self.output.show(&mut context.ui, &entries.results, |ui, results| accounts(ui, &entries, results));
        }
        let session = context.app(&self.app)?;
        let entries = session.list::<Entry>(&["activity", ""], &self.page).await?;
        let app = session.app.as_str();
        self.output.show(&mut context.ui, &entries.results, |ui, results| show(ui, app, &entries, results))
    }
}

fn show(ui: &mut Ui, app: &str, page: &Page<Entry>, entries: &[Entry]) -> io::Result<()> {
    format::head(ui, format_args!("{app} Activity"), page)?;
    let rows = entries.iter().map(|entry| row(entry, entry.user.as_deref().unwrap_or("the platform")));
    ui.line(table(["TIME", "USER", "FROM", "ACTION", "CHANGE"], rows))?;
    let broken = entries.iter().filter(|entry| !entry.intact).map(|entry| entry.number.to_string());
    warn(ui, &broken.collect::<Vec<_>>())
}

fn accounts(ui: &mut Ui, page: &Page<AccountActivity>, entries: &[AccountActivity]) -> io::Result<()> {
    format::head(ui, "Activity of Accounts", page)?;
    let account = |entry: &AccountActivity| harmless(entry.account.as_deref().unwrap_or("all"));
    let rows = entries.iter().map(|entry| {
        // Who called from somewhere is not the platform: he had no account yet.
        let unnamed = if entry.activity.address.is_some() { "nobody" } else { "the platform" };
        let [time, user, address, action, change] =
            row(&entry.activity, entry.activity.user.as_deref().unwrap_or(unnamed));
        [time, account(entry), user, address, action, change]
    });
    ui.line(table(["TIME", "ACCOUNT", "USER", "FROM", "ACTION", "CHANGE"], rows))?;
    let broken = entries.iter().filter(|entry| !entry.activity.intact);
    let broken = broken.map(|entry| format!("{} of {}", entry.activity.number, account(entry)));
    warn(ui, &broken.collect::<Vec<_>>())
}

fn row(entry: &Entry, user: &str) -> [String; 5] {
    [
        entry.time.to_string(),
        harmless(user),
        harmless(entry.address.as_deref().unwrap_or("-")),
        harmless(&entry.action),
        harmless(&format::changes(&entry.before, &entry.after).join(", ")),
    ]
}

/// Says which entries are not as they were written.
fn warn(ui: &mut Ui, broken: &[String]) -> io::Result<()> {
    if !broken.is_empty() {
        ui.warn(format_args!(
            " !    Somebody has changed entry {}, or taken away what came before: ask who can write to the platform's database.",
            broken.join(", ")
        ))?;
    }
    Ok(())
}
