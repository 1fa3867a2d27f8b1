use std::process::ExitCode;

use crate::figure::Figure;

/// Prints each figure as soon as it is known.
pub(crate) struct Table {
    broken: usize,
}

impl Table {
    pub(crate) fn begin() -> Self {
        let table = Self { broken: 0 };
        table.line(&Figure::header());
        table
    }

    pub(crate) fn figures(&mut self, figures: impl IntoIterator<Item = Figure>) {
        for figure in figures {
            self.broken += usize::from(!figure.holds());
            self.line(&figure.to_string());
        }
    }

    /// Whether every ceiling held.
    pub(crate) fn end(self) -> ExitCode {
        ExitCode::from(u8::from(self.broken > 0))
    }

    #[expect(clippy::print_stdout, reason = "the table is what the bench is for")]
    fn line(&self, line: &str) {
        println!("{line}");
    }
}
