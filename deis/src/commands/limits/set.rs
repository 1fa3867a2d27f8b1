use clap::Args;
use deis_api::ProcType;
use deis_cli::Failure;

use super::ResourceArgs;
use crate::app::ChangeArgs;
use crate::context::Context;

/// Limit the memory or CPU of an app's processes, which makes a release
#[derive(Debug, Args)]
pub struct Set {
    /// Process types and their limits, ex: web=512M; or what is reserved and the limit, ex: web=256M/512M
    #[arg(required = true, value_name = "type=value")]
    limits: Vec<String>,
    #[command(flatten)]
    resource: ResourceArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limits = self.limits.iter().map(|item| parse(item)).collect::<Result<_, _>>()?;
        let session = context.app_to_change(&self.change)?;
        super::change(context, &session, &self.resource, limits).await
    }
}

fn parse(item: &str) -> Result<(String, Option<String>), Failure> {
    let pair = || {
        let (kind, value) = item.split_once('=')?;
        let kind = kind.parse::<ProcType>().ok()?;
        let fits = match value.split_once('/') {
            Some((request, limit)) => is_quantity(request) && is_quantity(limit),
            None => is_quantity(value),
        };
        fits.then(|| (kind.to_string(), Some(value.to_owned())))
    };
    pair().ok_or_else(|| {
        Failure::new(format!(
            "{item} doesn't fit format type=#unit or type=# or type=#/#\n\
             Examples: web=2G worker=500M/1G, and with --cpu: web=2 worker=250m/500m"
        ))
    })
}

/// A number with a unit of memory, or a short number that may be in thousandths.
fn is_quantity(text: &str) -> bool {
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let unit = matches!(digits.len(), 1 | 2) && digits.chars().all(|letter| "bkmgBKMG".contains(letter));
    let number = text.strip_suffix('m').unwrap_or(text);
    let short = (1..=5).contains(&number.len())
        && number.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
        && number.contains(|letter: char| letter.is_ascii_digit());
    (unit && digits.len() < text.len()) || short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_cpu_are_read_and_nothing_else() {
        for item in ["web=1G", "web=512MB", "web=0", "web=256m/1g", "clock-2=500m", "web=1.5", "web=.5/2", "web=10000m"]
        {
            assert!(parse(item).is_ok(), "{item}");
        }
        let bad =
            ["web", "web=", "web=G", "Web=1G", "=1G", "web=1T", "web=1GBB", "web=-1", "web=1/", "web=1/2/3", "web=."];
        for item in bad {
            assert!(parse(item).is_err(), "{item}");
        }
    }
}
