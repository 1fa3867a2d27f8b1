//! The tables of `docs/api.md`. What cannot be read fails: a row that nobody asks for would say anything.

use std::fmt;

use clap::ValueEnum as _;
use deis_workflow::accounts::RegistrationMode;
use reqwest::Method;

use super::expectation::Expectation;

/// One request and what becomes of it.
pub(super) struct Row {
    pub(super) method: Method,
    /// With its placeholders: `/v2/apps/{app}/`.
    pub(super) path: String,
    pub(super) who: String,
    /// As it is, JSON or not; empty for none.
    pub(super) body: String,
    /// With its question mark; empty for none.
    pub(super) query: String,
    /// Placeholders of the path that stand for something else than usual.
    pub(super) instead: Vec<(String, String)>,
    pub(super) mode: Option<RegistrationMode>,
    pub(super) status: u16,
    pub(super) answer: Expectation,
    pub(super) state: State,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    Served,
    /// Shown by a test of its own.
    ServedBy {
        file: String,
        test: String,
    },
    NotYet,
    LeftOut,
}

impl State {
    fn parse(text: &str) -> Self {
        match text.split_once(':') {
            None if text == "served" => Self::Served,
            None if text == "not yet" => Self::NotYet,
            Some(("served", test)) => {
                let spans = spans(test);
                let (file, test) = spans.first().and_then(|span| span.split_once("::")).expect("the test's name");
                Self::ServedBy { file: file.to_owned(), test: test.to_owned() }
            }
            Some(("left out", reason)) if !reason.trim().is_empty() => Self::LeftOut,
            _ => panic!("no state: {text}"),
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::ServedBy { .. } => "served, in tests of their own",
            Self::NotYet => "not yet",
            Self::LeftOut => "left out",
        }
    }

    pub(super) const fn is_served(&self) -> bool {
        matches!(self, Self::Served | Self::ServedBy { .. })
    }
}

impl Row {
    /// As the router has it.
    pub(super) fn route(&self) -> (Method, String) {
        (self.method.clone(), self.path.trim_end_matches('/').to_owned())
    }

    /// What it asks for, with those placeholders that stand for what they usually do.
    pub(super) fn path_and_query(&self) -> String {
        let instead = self.instead.iter();
        let path = instead.fold(self.path.clone(), |path, (word, value)| path.replace(&format!("{{{word}}}"), value));
        format!("{path}{}", self.query)
    }

    fn parse(line: &str) -> Self {
        let cells = line.trim().trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
        let [method, path, who, with, status, answer, state] = cells[..] else { panic!("not seven cells: {line}") };
        let mut row = Self {
            method: method.parse().unwrap(),
            path: spans(path).concat(),
            who: who.to_owned(),
            body: String::new(),
            query: String::new(),
            instead: Vec::new(),
            mode: None,
            status: status.parse().unwrap(),
            answer: Expectation::parse(answer),
            state: State::parse(state),
        };
        for span in spans(with) {
            match span.split_once('=') {
                _ if span.starts_with('{') => row.body = span,
                _ if span.starts_with('?') => row.query = span,
                Some(("raw", body)) => row.body = body.to_owned(),
                Some(("mode", mode)) => row.mode = Some(RegistrationMode::from_str(mode, false).unwrap()),
                Some((name, value)) if row.path.contains(&format!("{{{name}}}")) => {
                    row.instead.push((name.to_owned(), value.to_owned()));
                }
                _ => panic!("what is {span} in {line}"),
            }
        }
        row
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, who, body, query, status, .. } = self;
        write!(f, "{method} {path}{query} {body} by {who}: {status} {:?}", self.state)
    }
}

/// All rows below a head that begins with `Method`.
pub(super) fn rows(page: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut is_ours = false;
    for line in page.lines() {
        if line.starts_with("| Method |") {
            is_ours = true;
        } else if !line.starts_with('|') {
            is_ours = false;
        } else if is_ours && !line.starts_with("|---") {
            rows.push(Row::parse(line));
        }
    }
    rows
}

/// What stands between backticks.
pub(super) fn spans(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
