//! The question of `deis keys:add` without a file.

use std::path::PathBuf;

use deis_cli::{Failure, Ui};

use super::public_key::{self, PublicKey};
use crate::context::Context;

const FLAG: &str = "<key file>";

/// Lets the person choose one of `~/.ssh/*.pub`, or type a path.
pub fn choose(context: &mut Context) -> Result<PublicKey, Failure> {
    let home = context.environment.home.clone().unwrap_or_default();
    let mut keys = public_key::found(&home.join(".ssh"));
    show(&mut context.ui, &keys)?;
    let answer = deis_cli::ask("Which would you like to use with Deis? ", FLAG)?;
    let number = answer.trim().parse::<usize>();
    let number = number.map_err(|_| Failure::new(format!("{answer} is not a valid integer")))?;
    match number.checked_sub(1) {
        None => {
            let path = PathBuf::from(deis_cli::ask("Enter the path to the pubkey file: ", FLAG)?);
            Ok(PublicKey::read(&path)?)
        }
        Some(index) if index < keys.len() => Ok(keys.swap_remove(index)),
        Some(_) => Err(Failure::new(format!("{number} is not a valid option"))),
    }
}

fn show(ui: &mut Ui, keys: &[PublicKey]) -> std::io::Result<()> {
    ui.line("Found the following SSH public keys:")?;
    for (number, key) in (1..).zip(keys) {
        ui.line(format_args!("{number}) {} {}", key.file_name(), key.id))?;
    }
    ui.line("0) Enter path to pubfile (or use keys:add <key_path>)")
}
