//! Questions to the person at the terminal. Each has a flag, so that scripts never meet one.

use std::io::{self, IsTerminal};

use inquire::ui::{RenderConfig, Styled};
use inquire::{InquireError, Password, PasswordDisplayMode, Text};

use crate::Failure;

/// A question, and no terminal to ask it on.
#[derive(Debug, thiserror::Error)]
#[error("{flag} is needed: there is no terminal to ask on")]
pub struct NoTerminal {
    flag: &'static str,
}

/// Asks for a line of text. `flag` is what a script gives instead.
///
/// # Errors
/// [`NoTerminal`], or the person pressed Ctrl-C or Escape.
pub fn ask(question: &str, flag: &'static str) -> Result<String, Failure> {
    terminal_or(flag)?;
    answer(Text::new(question).with_render_config(plain()).prompt())
}

/// Asks for a secret; nothing is shown of what is typed.
///
/// # Errors
/// As [`ask`].
pub fn ask_secret(question: &str, flag: &'static str) -> Result<String, Failure> {
    terminal_or(flag)?;
    let prompt = Password::new(question).with_display_mode(PasswordDisplayMode::Hidden).without_confirmation();
    answer(prompt.with_render_config(plain()).prompt())
}

fn terminal_or(flag: &'static str) -> Result<(), NoTerminal> {
    if io::stdin().is_terminal() { Ok(()) } else { Err(NoTerminal { flag }) }
}

fn answer<T>(result: Result<T, InquireError>) -> Result<T, Failure> {
    result.map_err(|error| match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            Failure::interrupted("nothing was done")
        }
        error => error.into(),
    })
}

/// Without the marks that inquire puts before a question.
fn plain() -> RenderConfig<'static> {
    RenderConfig::empty().with_prompt_prefix(Styled::new("")).with_answered_prompt_prefix(Styled::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_named_where_nobody_can_be_asked() {
        assert_eq!(
            NoTerminal { flag: "--username" }.to_string(),
            "--username is needed: there is no terminal to ask on"
        );
    }

    #[test]
    fn escape_is_an_interruption() {
        let failure = answer::<()>(Err(InquireError::OperationCanceled)).unwrap_err();
        assert!(format!("{failure:?}").contains("Interrupted"));
    }
}
