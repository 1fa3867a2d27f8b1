use std::fmt::Display;
use std::io;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Ui;

/// A drop of coffee that runs through; the last frame is what indicatif shows of a finished bar.
const FRAMES: &[&str] = &["...", "o..", ".o.", "..o", "..."];
const FRAME_TIME: Duration = Duration::from_millis(400);

/// Something is under way: `Creating config... ` and, on a terminal only, a mark that moves behind it.
///
/// Dropped without [`Progress::done`], it leaves the label as a line of its own, so that an error starts a new one.
#[must_use = "the mark moves until this is done or dropped"]
pub struct Progress<'ui> {
    ui: &'ui mut Ui,
    label: String,
    mark: Option<ProgressBar>,
    open: bool,
}

impl Ui {
    /// Starts to wait; `label` ends with a blank, or is empty when the mark has a line of its own.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn progress(&mut self, label: impl Into<String>) -> io::Result<Progress<'_>> {
        let label = label.into();
        let target = ProgressDrawTarget::stdout();
        // Hidden where nothing can be overwritten, as with `TERM=dumb`: then the label stands there from the beginning.
        let mark = (self.watched && !target.is_hidden()).then(|| {
            let mark = ProgressBar::with_draw_target(None, target);
            let style = ProgressStyle::with_template("{prefix}{spinner}{msg}");
            mark.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_strings(FRAMES));
            mark.set_prefix(label.clone());
            mark.enable_steady_tick(FRAME_TIME);
            mark
        });
        if mark.is_none() {
            self.text(&label)?;
        }
        Ok(Progress { ui: self, label, mark, open: true })
    }
}

impl Progress<'_> {
    /// Says behind the mark what is being waited for. Nobody but a person at a terminal reads it.
    pub fn explain(&self, reason: impl Display) {
        if let Some(mark) = &self.mark {
            mark.set_message(format!(" {reason}"));
        }
    }

    /// Ends the wait with a word behind the label: `done`.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn done(mut self, word: impl Display) -> io::Result<()> {
        self.open = false;
        match self.mark.take() {
            Some(mark) => {
                mark.finish_and_clear();
                self.ui.line(format_args!("{}{word}", self.label))
            }
            None => self.ui.line(word),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let end = match self.mark.take() {
            Some(mark) => {
                mark.finish_and_clear();
                self.label.as_str()
            }
            None => "",
        };
        if !self.label.is_empty() {
            // The failure that brought us here is about to be told; a stream that fails too adds nothing.
            let _unwritten = self.ui.line(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_watching_sees_label_and_word_and_no_mark() {
        let (mut ui, stdout, _) = Ui::captured();
        let progress = ui.progress("Creating config... ").unwrap();
        progress.explain("web: 2 of 5 pods ready");
        assert_eq!(stdout.text(), "Creating config... ");
        progress.done("done, v3").unwrap();
        assert_eq!(stdout.text(), "Creating config... done, v3\n");
    }

    #[test]
    fn a_wait_that_fails_ends_its_line() {
        let (mut ui, stdout, _) = Ui::captured();
        drop(ui.progress("Creating config... ").unwrap());
        assert_eq!(stdout.text(), "Creating config... \n");
    }

    #[test]
    fn a_mark_on_a_line_of_its_own_leaves_nothing() {
        let (mut ui, stdout, _) = Ui::captured();
        drop(ui.progress("").unwrap());
        assert_eq!(stdout.text(), "");
    }
}
