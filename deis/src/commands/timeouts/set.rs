use clap::Args;
use deis_api::ProcType;
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;

/// Give an app's processes so much time to end before they are killed, which makes a release
#[derive(Debug, Args)]
pub struct Set {
    /// Process types and seconds, ex: web=30 worker=300
    #[arg(required = true, value_name = "type=seconds")]
    timeouts: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let timeouts = self.timeouts.iter().map(|item| parse(item)).collect::<Result<_, _>>()?;
        let session = context.app_to_change(&self.change)?;
        super::change(context, &session, timeouts).await
    }
}

fn parse(item: &str) -> Result<(String, Option<String>), Failure> {
    let pair = || {
        let (kind, seconds) = item.split_once('=')?;
        let kind = kind.parse::<ProcType>().ok()?;
        let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| (kind.to_string(), Some(seconds.to_owned())))
    };
    pair().ok_or_else(|| Failure::new(format!("{item} doesn't fit format type=#\nExamples: web=30 worker=300")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_types_have_whole_seconds() {
        for item in ["web=0", "worker=300", "clock-2=60"] {
            assert!(parse(item).is_ok(), "{item}");
        }
        for item in ["web", "web=", "web=1m", "web=-1", "web=1.5", "Web=1", "=1", "web= 1"] {
            assert!(parse(item).is_err(), "{item}");
        }
    }
}
