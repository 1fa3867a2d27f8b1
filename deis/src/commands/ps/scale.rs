use std::time::Instant;

use clap::Args;
use deis_api::ProcType;
use deis_api::rest::{self, PodList};
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;

/// Set how many processes of each type run
#[derive(Debug, Args)]
pub struct Scale {
    /// Process types and their numbers, ex: web=2
    #[arg(required = true, value_name = "type=num")]
    targets: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Scale {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let targets = parse(&self.targets)?;
        let session = context.app_to_change(&self.change)?;
        context.ui.line(format_args!("Scaling processes... but first, {}!", context.environment.drink))?;
        let start = Instant::now();
        let progress = context.ui.progress("")?;
        let goes_on = format!("The scaling of {} goes on without you; {}.", session.app, session.look());
        let () = session.change(&["scale", ""], &targets, &goes_on).await?;
        progress.done(session.done(format_args!("done in {}s", start.elapsed().as_secs()), session.look()))?;
        if !session.waits() {
            return Ok(());
        }

        let pods = session.get::<PodList>(&["pods", ""]).await?;
        Ok(super::show(&mut context.ui, session.app.as_str(), &pods.results)?)
    }
}

fn parse(targets: &[String]) -> Result<rest::Scale, Failure> {
    let pair = |item: &String| {
        let (kind, number) = item.split_once('=')?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        Some((kind.parse::<ProcType>().ok()?.to_string(), number.parse().ok().filter(|_| digits)?))
    };
    let refusal = |item: &String| Failure::new(format!("'{item}' does not match the pattern 'type=num', ex: web=2"));
    targets.iter().map(|item| pair(item).ok_or_else(|| refusal(item))).collect::<Result<_, _>>().map(rest::Scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_numbers_are_read_and_nothing_else() {
        let parse = |item: &str| parse(&[item.to_owned()]).ok().map(|scale| scale.0);
        assert_eq!(parse("clock-2=0").unwrap()["clock-2"], 0);
        for item in ["web", "web=", "web=-1", "web=+1", "web=1.5", "Web=1", "=1", "web=99999999999"] {
            assert_eq!(parse(item), None, "{item}");
        }
    }
}
