use std::collections::BTreeMap;

use clap::Args;
use deis_api::ConfigKey;
use deis_api::rest::Secret;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Set environment variables of an app, which makes a release
#[derive(Debug, Args)]
pub struct Set {
    /// Variables and their values, ex: MODE=test; what begins with # is skipped
    #[arg(required = true, value_name = "var=value")]
    variables: Vec<String>,
    #[command(flatten)]
    app: AppArgs,
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let values = parse(&self.variables)?;
        let session = context.app(&self.app)?;
        super::change(context, &session, "Creating config... ", values).await
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
    fn what_is_no_pair_is_refused() {
        for item in ["MODE", "=x", "1A=x", "A-B=x"] {
            assert!(parsed(&[item]).is_err(), "{item}");
        }
    }
}
