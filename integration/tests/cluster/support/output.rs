use std::fmt;
use std::process::ExitStatus;

/// What a command printed, and how it ended. Tests say which end they want.
#[must_use = "say whether the command should have succeeded"]
pub(crate) struct Output {
    pub(crate) command: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The command should have succeeded.
    pub(crate) fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// The command should have failed with this exit status.
    pub(crate) fn failed(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Everything it printed.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// It printed these lines in this order, perhaps with others between them; each is compared after its ends are trimmed.
    pub(crate) fn has_lines(self, lines: &[&str]) -> Self {
        let text = self.text();
        let mut printed = text.lines().map(|line| line.trim_start_matches("remote:").trim());
        for wanted in lines {
            assert!(printed.any(|line| line == *wanted), "no line {wanted:?} (in this order) in\n{self}");
        }
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}  ({})", self.command, self.status)?;
        writeln!(f, "--- standard output\n{}--- standard error\n{}", self.stdout, self.stderr)
    }
}

/// What was shown, for a snapshot: counts, sizes and times differ from day to day.
pub(crate) fn without_figures(text: &str) -> String {
    let mut plain = text.replace('\r', "").replace(|figure: char| figure.is_ascii_digit(), "0");
    while plain.contains("00") {
        plain = plain.replace("00", "0");
    }
    ["MiB", "GiB"].into_iter().fold(plain, |plain, unit| plain.replace(unit, "KiB"))
}
