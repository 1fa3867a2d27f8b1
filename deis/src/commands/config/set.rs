use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read};

use clap::Args;
use deis_api::ConfigKey;
use deis_api::rest::Secret;
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;

/// The most that a variable may have, `KEY=value` and a zero byte: Linux hands no program a longer one (`MAX_ARG_STRLEN`).
const VARIABLE_LIMIT: usize = 128 << 10;

/// Said to whoever sets what became probes.
const OLD_CHECKS: &str = "\
Health checks in variables such as HEALTHCHECK_URL are deprecated: the controller
makes probes of them. In the future, please use 'deis healthchecks' to say how an
app's processes are checked.";

/// Set environment variables of an app, which makes a release
#[derive(Debug, Args)]
pub struct Set {
    /// Variables and their values, ex: MODE=test; what begins with # is skipped
    #[arg(required_unless_present = "stdin", value_name = "var=value")]
    variables: Vec<String>,
    /// Set this variable to all of standard input, without the last newline
    #[arg(long, value_name = "key")]
    stdin: Option<ConfigKey>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut values = parse(&self.variables)?;
        if let Some(key) = self.stdin {
            let value = value_of_stdin(context, &key)?;
            if values.insert(key.to_string(), Some(value)).is_some() {
                return Err(Failure::new(format!("{key} is given twice: by --stdin and by {key}=…")));
            }
        }
        send(context, &self.change, values).await
    }
}

/// Sets variables as they were given, among the arguments or in a file.
pub async fn send(
    context: &mut Context,
    change: &ChangeArgs,
    mut values: BTreeMap<String, Option<Secret>>,
) -> Result<(), Failure> {
    super::ssh_key::encode(&mut values)?;
    if values.keys().any(|key| key.contains("HEALTHCHECK_")) {
        context.ui.warn(OLD_CHECKS)?;
    }
    let session = context.app_to_change(change)?;
    super::change(context, &session, "Creating config... ", values).await
}

/// All of standard input without its last newline.
fn value_of_stdin(context: &mut Context, key: &ConfigKey) -> Result<Secret, Failure> {
    if io::stdin().is_terminal() {
        context.ui.warn(format_args!("Type the value of {key}, and end it with Ctrl-D on a line of its own."))?;
    }
    value(key, io::stdin().lock())
}

fn value(key: &ConfigKey, input: impl Read) -> Result<Secret, Failure> {
    let mut text = Vec::new();
    // What is read beyond the limit tells that it is passed.
    input.take((VARIABLE_LIMIT as u64) + 1).read_to_end(&mut text)?;
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    if key.as_str().len() + "=\0".len() + text.len() > VARIABLE_LIMIT {
        return Err(Failure::new(format!(
            "{key} is larger than {} KiB, the most for a variable",
            VARIABLE_LIMIT >> 10
        ))
        .hint("Keep it in a store of files, and its address in the variable."));
    }
    match String::from_utf8(text) {
        Ok(text) if !text.contains('\0') => Ok(Secret::from(text)),
        _ => Err(Failure::new(format!("the value of {key} is no text in UTF-8, and a variable holds nothing else"))
            .hint("base64 makes text of it.")),
    }
}

/// Variables and their values; comments are skipped.
pub fn parse(variables: &[String]) -> Result<BTreeMap<String, Option<Secret>>, Failure> {
    let refusal = |item: &str| Failure::new(format!("'{item}' does not match the pattern 'key=var', ex: MODE=test"));
    let parse = |item: &String| match pair(item) {
        Some((key, value)) => Ok((key, Some(value))),
        None => Err(refusal(item)),
    };
    variables.iter().filter(|item| !item.starts_with('#')).map(parse).collect()
}

/// One variable and its value.
pub fn pair(item: &str) -> Option<(String, Secret)> {
    let (key, value) = item.split_once('=')?;
    let key = key.parse::<ConfigKey>().ok()?;
    Some((key.to_string(), Secret::from(value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(items: &[&str]) -> Result<Vec<String>, Failure> {
        let values = parse(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>())?;
        Ok(values.iter().map(|(key, value)| format!("{key}={}", value.as_ref().unwrap().expose())).collect())
    }

    #[test]
    fn values_may_hold_anything_and_comments_are_skipped() {
        let values = parsed(&["#note", "URL=http://x/?a=b", "EMPTY=", "_2=two\nlines"]).unwrap();
        assert_eq!(values, ["EMPTY=", "URL=http://x/?a=b", "_2=two\nlines"]);
    }

    #[test]
    fn a_value_of_standard_input_is_text_of_bounded_size_without_the_last_newline() {
        let key = "KEY".parse().unwrap();
        let value = |input: &[u8]| value(&key, input).map(|value| value.expose().to_owned());
        assert_eq!(value(b"one\ntwo\n\n").unwrap(), "one\ntwo\n");
        assert_eq!(value(b"").unwrap(), "");
        let longest = VARIABLE_LIMIT - "KEY=\0".len();
        assert_eq!(value(&[vec![b'x'; longest], vec![b'\n']].concat()).unwrap().len(), longest);
        assert!(value(&vec![b'x'; longest + 1]).unwrap_err().summary().contains("larger than 128 KiB"));
        assert!(value(&vec![b'\n'; 2 * VARIABLE_LIMIT]).unwrap_err().summary().contains("larger than 128 KiB"));
        for bytes in [b"\xff", b"\0"] {
            assert!(value(bytes).unwrap_err().summary().contains("UTF-8"));
        }
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for item in ["MODE", "=x", "1A=x", "A-B=x"] {
            assert!(parsed(&[item]).is_err(), "{item}");
        }
    }
}
