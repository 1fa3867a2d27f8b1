use std::fmt;
use std::io;

use deis_cli::{Failure, Ui};

/// Tells the operator what is done, step by step, and keeps what they should know for the end.
pub(crate) struct Log<'ui> {
    pub(crate) ui: &'ui mut Ui,
    /// Whether a document is asked for: then nothing but that goes to stdout.
    pub(crate) is_document: bool,
    pub(crate) notices: Vec<String>,
}

impl Log<'_> {
    /// Does one step. It says in a word what came of it.
    pub(crate) async fn step<T>(
        &mut self,
        label: &str,
        work: impl AsyncFnOnce(&mut Vec<String>) -> Result<(T, String), Failure>,
    ) -> Result<T, Failure> {
        let known = self.notices.len();
        let result = if self.is_document {
            work(&mut self.notices).await?.0
        } else {
            let progress = self.ui.progress(format!("{label}... "))?;
            let (result, said) = work(&mut self.notices).await?;
            progress.done(said)?;
            result
        };
        for notice in self.notices.split_off(known) {
            self.notice(notice)?;
        }
        Ok(result)
    }

    /// Something that the operator should know.
    pub(crate) fn notice(&mut self, notice: String) -> io::Result<()> {
        self.ui.warn(format_args!("Notice: {notice}"))?;
        self.notices.push(notice);
        Ok(())
    }
}

/// Ends when the person presses Ctrl-C. From the first call on that does not end the process any more.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the process ends by itself.
        std::future::pending::<()>().await;
    }
}

/// A number of bytes as people read it.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, unit)| self.0 >= *unit) {
            Some((name, unit)) => write!(formatter, "{:.1} {name}", self.0 as f64 / *unit as f64),
            None => write!(formatter, "{} B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_by_people() {
        let text = [0, 1023, 1024, 5 << 20, 3 << 30].map(|size| Size(size).to_string()).join(" ");
        assert_eq!(text, "0 B 1023 B 1.0 KiB 5.0 MiB 3.0 GiB");
    }
}
