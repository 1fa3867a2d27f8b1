use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;

/// Where a command's text goes. Colours are taken out of what is not a terminal, and under `NO_COLOR`.
pub struct Ui {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// Whether a person watches stdout.
    pub(crate) watched: bool,
}

impl Ui {
    /// Standard output and standard error of this process.
    #[must_use]
    pub fn system() -> Self {
        Self {
            out: Box::new(AutoStream::auto(io::stdout())),
            err: Box::new(AutoStream::auto(io::stderr())),
            watched: io::stdout().is_terminal(),
        }
    }

    /// Whether stdout is a terminal: a person reads there, no program.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        self.watched
    }

    /// Writes to stdout as it is.
    ///
    /// # Errors
    /// Those of the stream; so for all writers below.
    pub fn text(&mut self, text: impl Display) -> io::Result<()> {
        write!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Writes one line to stdout.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn line(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// Writes one line to stderr.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn warn(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self.err, "{line}")
    }

    /// Writes to stderr as it is.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn warn_text(&mut self, text: impl Display) -> io::Result<()> {
        write!(self.err, "{text}")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// A stream that remembers, without colours.
    #[derive(Clone, Default)]
    pub(crate) struct Captured(Rc<RefCell<Vec<u8>>>);

    impl Captured {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Ui {
        pub(crate) fn captured() -> (Self, Captured, Captured) {
            let (out, err) = (Captured::default(), Captured::default());
            let ui = Self {
                out: Box::new(out.clone()),
                err: Box::new(anstream::StripStream::new(Box::new(err.clone()) as Box<dyn Write>)),
                watched: false,
            };
            (ui, out, err)
        }
    }
}
