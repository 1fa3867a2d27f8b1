use clap::Args;
use deis_api::rest::ClearedCache;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Empty what an app's builds keep for the next one
#[derive(Debug, Args)]
pub struct ClearCache {
    #[command(flatten)]
    app: AppArgs,
}

impl ClearCache {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let progress = context.ui.progress(format!("Clearing the build cache of {}... ", session.app))?;
        let ClearedCache { bytes } = session.delete(&["builds", "cache", ""]).await?;
        Ok(progress.done(format_args!("done, {} freed", size(bytes)))?)
    }
}

/// With one digit behind the point, in the largest unit that is reached.
fn size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let sizes = [0, 1023, 1024, 1_572_864, (1 << 30) - 1, 3 << 30].map(size);
        assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 MiB", "1023.9 MiB", "3.0 GiB"]);
    }
}
