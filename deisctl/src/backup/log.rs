use std::fmt;
use std::io;

use deis_cli::{Failure, Progress, Ui};

/// Tells the operator what is done, step by step, and keeps what they should know for the end.
pub(crate) struct Log<'ui> {
    pub(crate) ui: &'ui mut Ui,
    /// Whether a document is asked for: then nothing but that goes to stdout.
    is_document: bool,
    /// Whether what is done goes on when nobody listens any more.
    pub(crate) unheard: bool,
    pub(crate) notices: Vec<String>,
}

impl<'ui> Log<'ui> {
    pub(crate) fn new(ui: &'ui mut Ui, is_document: bool) -> Self {
        Self { ui, is_document, unheard: false, notices: Vec::new() }
    }

    /// Does one step. It says in a word what came of it.
    pub(crate) async fn step<T>(
        &mut self,
        label: &str,
        work: impl AsyncFnOnce(&mut Vec<String>) -> Result<(T, String), Failure>,
    ) -> Result<T, Failure> {
        let (known, unheard) = (self.notices.len(), self.unheard);
        let mut progress: Option<Progress<'_>> = None;
        if !self.is_document {
            progress = heard(unheard, self.ui.progress(format!("{label}... ")))?;
        }
        let (result, said) = work(&mut self.notices).await?;
        heard(unheard, progress.map_or(Ok(()), |progress| progress.done(said)))?;
        for notice in self.notices.split_off(known) {
            self.notice(notice)?;
        }
        Ok(result)
    }

    /// Something that the operator should know.
    pub(crate) fn notice(&mut self, notice: String) -> io::Result<()> {
        heard(self.unheard, self.ui.warn(format_args!("Notice: {notice}")))?;
        self.notices.push(notice);
        Ok(())
    }
}

/// What could be told; `None` when nobody listens and need not.
fn heard<T>(unheard: bool, told: io::Result<T>) -> io::Result<Option<T>> {
    match told {
        Ok(told) => Ok(Some(told)),
        Err(_) if unheard => Ok(None),
        Err(error) => Err(error),
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
    fn a_closed_stream_ends_only_what_may_end() {
        let closed = || Err::<(), _>(io::ErrorKind::BrokenPipe.into());
        assert!(heard(true, closed()).unwrap().is_none());
        assert!(heard(false, closed()).is_err());
        assert_eq!(heard(false, Ok(1)).unwrap(), Some(1));
    }

    #[test]
    fn sizes_are_read_by_people() {
        let text = [0, 1023, 1024, 5 << 20, 3 << 30].map(|size| Size(size).to_string()).join(" ");
        assert_eq!(text, "0 B 1023 B 1.0 KiB 5.0 MiB 3.0 GiB");
    }
}
