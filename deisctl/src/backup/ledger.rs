//! The ledger: PostgreSQL's own dump, made and read by the programs of the database's pod.

use std::collections::BTreeSet;

use deis_api::AppName;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

use super::manifest::Ledger;
use super::shell::{Reader, Script, Shell, ShellError};

/// Longest line of facts, in bytes.
const MAX_FACTS: u64 = 64 << 20;

macro_rules! script {
    ($doing:literal, $file:literal) => {
        Script {
            doing: $doing,
            text: concat!(include_str!("scripts/environment.sh"), include_str!(concat!("scripts/", $file))),
        }
    };
}

const DUMP: Script = script!("dumps the ledger", "dump.sh");
const LOAD: Script = script!("loads the ledger", "load.sh");
const FACTS: Script = script!("counts the ledger's rows", "facts.sh");
const APPS: Script = script!("lists the ledger's apps", "apps.sh");
const SWAP: Script = script!("puts the ledger in its place", "swap.sh");
const DROP: Script = script!("drops the loaded ledger", "drop.sh");
const DROP_STALE: Script = script!("drops what earlier restores have loaded", "drop_stale.sh");

#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error(transparent)]
    Shell(#[from] ShellError),
    #[error("the database does not say what is in the ledger")]
    Facts(#[from] serde_json::Error),
    #[error("the dump broke off")]
    Broken(#[from] std::io::Error),
    #[error("the dump, loaded into a database of its own, has other rows than the ledger had: {0}")]
    Other(String),
}

/// Dumps the ledger; gives what is in it at that moment. `take` gets the dump.
pub(crate) async fn dump<T, E: From<LedgerError> + From<ShellError>>(
    shell: &impl Shell,
    take: impl AsyncFnOnce(Reader) -> Result<T, E>,
) -> Result<(Ledger, T), E> {
    let taken = shell.read(DUMP, &[], async |stdout| {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = (&mut stdout).take(MAX_FACTS).read_line(&mut line).await;
        read.map_err(LedgerError::from)?;
        let ledger = serde_json::from_str(&line).map_err(LedgerError::from)?;
        Ok((ledger, take(Box::pin(stdout)).await?))
    });
    taken.await
}

/// Loads a dump into a database beside the one in use, compares it with what it should hold and, unless it is to be kept, drops it.
pub(crate) async fn load(
    shell: &impl Shell,
    name: &str,
    keep: bool,
    dump: impl AsyncRead + Unpin,
    wanted: &Ledger,
) -> Result<(), LedgerError> {
    let found = shell.feed(LOAD, &[name, if keep { "keep" } else { "drop" }], dump).await?;
    let found: Ledger = serde_json::from_str(&found)?;
    // The server may be another one.
    let same = (found.schema, &found.rows, &found.apps) == (wanted.schema, &wanted.rows, &wanted.apps);
    if same { Ok(()) } else { Err(LedgerError::Other(differences(wanted, &found))) }
}

/// What is in the ledger in use; `None` before the controller has made one.
pub(crate) async fn in_use(shell: &impl Shell) -> Result<Option<Ledger>, LedgerError> {
    let found = shell.ask(FACTS, &[]).await?;
    if found.trim().is_empty() { Ok(None) } else { Ok(Some(serde_json::from_str(&found)?)) }
}

/// All apps that there are now, also those that are being destroyed.
pub(crate) async fn apps(shell: &impl Shell) -> Result<BTreeSet<AppName>, ShellError> {
    Ok(shell.ask(APPS, &[]).await?.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Puts a loaded database in the place of the one in use, in one transaction. It is not done when the program says that it failed.
pub(crate) async fn swap(shell: &impl Shell, name: &str) -> Result<(), LedgerError> {
    shell.ask(SWAP, &[name]).await?;
    Ok(())
}

pub(crate) async fn drop_loaded(shell: &impl Shell, name: &str) -> Result<(), LedgerError> {
    shell.ask(DROP, &[name]).await?;
    Ok(())
}

/// Drops what restores and rehearsals that were killed have loaded.
pub(crate) async fn drop_stale(shell: &impl Shell) -> Result<(), LedgerError> {
    shell.ask(DROP_STALE, &[]).await?;
    Ok(())
}

fn differences(wanted: &Ledger, found: &Ledger) -> String {
    let tables = wanted.rows.keys().chain(found.rows.keys()).collect::<BTreeSet<_>>();
    let count = |ledger: &Ledger, table: &String| ledger.rows.get(table).copied().unwrap_or(0);
    let other = tables.into_iter().filter(|table| count(wanted, table) != count(found, table));
    let other = other.map(|table| format!("{table} {} instead of {}", count(found, table), count(wanted, table)));
    other.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
