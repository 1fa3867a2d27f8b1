//! Programs of others that add commands: `deis foo:bar baz` is `deis-foo bar baz` where that is on the PATH.

use std::ffi::OsString;
use std::io::ErrorKind;

use deis_cli::Failure;

use crate::exec;

/// Becomes the program that an unknown command stands for, and comes back if there is none.
pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let Some((program, arguments)) = program(arguments) else { return Ok(()) };
    let error = exec::become_program(&program, arguments);
    match error.kind() {
        // Of a folder on the PATH that may not be read, nobody knows what is in it.
        ErrorKind::NotFound | ErrorKind::PermissionDenied => Ok(()),
        _ => Err(Failure::new(format!("{program} cannot be started: {error}"))),
    }
}

/// Its name and its arguments; none for a word that is no name.
fn program(arguments: &[OsString]) -> Option<(String, Vec<OsString>)> {
    let [_deis, word, rest @ ..] = arguments else { return None };
    let word = word.to_str()?;
    let (name, action) = word.split_once(':').map_or((word, None), |(name, action)| (name, Some(action)));
    let is_name =
        !name.starts_with('-') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if name.is_empty() || !is_name {
        return None;
    }
    let arguments = action.map(OsString::from).into_iter().chain(rest.iter().cloned());
    Some((format!("deis-{name}"), arguments.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_a_program_and_an_action_its_first_argument() {
        let named = |line: &str| {
            let arguments = line.split(' ').map(OsString::from).collect::<Vec<_>>();
            let (program, arguments) = program(&arguments)?;
            Some(
                [vec![program], arguments.into_iter().map(|word| word.into_string().unwrap()).collect()]
                    .concat()
                    .join(" "),
            )
        };
        assert_eq!(named("deis foo:bar baz --x").as_deref(), Some("deis-foo bar baz --x"));
        assert_eq!(named("deis foo baz").as_deref(), Some("deis-foo baz"));
        for line in ["deis", "deis -x", "deis --foo bar", "deis ../foo", "deis a/b", "deis :bar", "deis f\u{f6}o"] {
            assert_eq!(named(line), None, "{line}");
        }
    }
}
