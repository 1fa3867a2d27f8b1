//! Whether the builder will know whoever pushes from here.

use std::path::Path;

use deis_api::rest::{Key, Page};

use super::{LIMIT, Outcome};
use crate::commands::keys::public_key::{self, material};
use crate::context::Session;
use crate::exec;
use deis_cli::deadline::within;

/// More keys than a person has.
const MOST_KEYS: u32 = 1000;

/// A public key that ssh may offer.
struct Local {
    /// Its file in `~/.ssh`; else the agent holds it.
    file: Option<String>,
    text: String,
}

impl Local {
    fn place(&self) -> String {
        self.file.as_ref().map_or_else(|| "a key of ssh-agent".to_owned(), |file| format!("~/.ssh/{file}"))
    }

    fn fix(&self) -> String {
        match &self.file {
            Some(file) => format!("deis keys:add ~/.ssh/{file}"),
            None => "ssh-add -L > key.pub, then deis keys:add key.pub".to_owned(),
        }
    }
}

/// `session` is one whose token is valid.
pub async fn check(home: &Path, session: Option<&Session>) -> Outcome {
    let local = local(home).await;
    let Some(first) = local.first() else {
        return Outcome::bad("there is no public key in ~/.ssh", "ssh-keygen -t ed25519, then deis keys:add");
    };
    let Some(session) = session else {
        return Outcome::cannot("the keys that you uploaded are not known");
    };
    let uploaded: Page<Key> = match within(LIMIT, session.api.list(&["keys", ""], MOST_KEYS)).await {
        None => return Outcome::bad(format!("no list of keys within {} s", LIMIT.as_secs()), "try again"),
        Some(Err(failure)) => return Outcome::of_failure(&failure, "try again"),
        Some(Ok(uploaded)) => uploaded,
    };
    let matching = local.iter().find_map(|key| {
        let same = |uploaded: &&Key| material(&uploaded.public) == material(&key.text);
        Some((key, uploaded.results.iter().find(same)?))
    });
    match matching {
        Some((key, uploaded)) => Outcome::Good(format!("{} is uploaded as {}", key.place(), uploaded.id)),
        None => {
            let places = local.iter().map(Local::place).collect::<Vec<_>>().join(", ");
            Outcome::bad(format!("none of your keys is uploaded: {places}"), first.fix())
        }
    }
}

/// Those in `~/.ssh`, and those that the agent holds: on a smart card, or forwarded from another machine.
async fn local(home: &Path) -> Vec<Local> {
    let files = public_key::found(&home.join(".ssh"));
    let mut keys =
        files.into_iter().map(|key| Local { file: Some(key.file_name()), text: key.text }).collect::<Vec<_>>();
    // Without an agent it fails, and says nothing of use.
    if let Some(Ok(output)) = within(LIMIT, exec::run_while_awaited("ssh-add", ["-L"])).await
        && output.status.success()
    {
        let listed = String::from_utf8_lossy(&output.stdout);
        keys.extend(listed.lines().map(|line| Local { file: None, text: line.to_owned() }));
    }
    keys
}
