use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The media type of an app's log with one [`LogEntry`] a line; without it in `Accept` the log is plain text.
pub const LOG_MEDIA_TYPE: &str = "application/x-ndjson";

/// One entry of an app's log. Its text form is the line that `deis logs` prints.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LogEntry {
    /// What a process of the app printed.
    Line {
        time: Timestamp,
        pod: String,
        /// The process type.
        process: String,
        /// `v3`, or `canary`.
        release: String,
        stream: LogStream,
        text: String,
    },
    /// What happened to the app.
    Event {
        time: Timestamp,
        /// A stable word: `release`, `scale`, `deploy-failed`, …
        event: String,
        text: String,
    },
    /// Lines that are missing here.
    Dropped { time: Timestamp, lines: u64, reason: String },
    /// What the platform says about the log itself.
    Notice { text: String },
}

/// Where a process printed a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    Stdout,
    Stderr,
}

impl LogEntry {
    /// When it was written; a notice has no time.
    #[must_use]
    pub const fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Line { time, .. } | Self::Event { time, .. } | Self::Dropped { time, .. } => Some(*time),
            Self::Notice { .. } => None,
        }
    }
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { pod, text, .. } => write!(f, "{pod} -- {text}"),
            Self::Event { text, .. } => write!(f, "deis[controller] -- {text}"),
            Self::Dropped { lines, reason, .. } => write!(f, "deis[logger] -- {lines} lines missing: {reason}"),
            Self::Notice { text } => write!(f, "deis[logger] -- {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_lines_for_people_and_objects_for_programs() {
        let time = "2016-02-20T23:18:03.000001Z".parse().unwrap();
        let entries = [
            LogEntry::Line {
                time,
                pod: "earthy-instinct-v4-web-ppog6".to_owned(),
                process: "web".to_owned(),
                release: "v4".to_owned(),
                stream: LogStream::Stdout,
                text: "2016/02/20 23:18:03 10.2.62.0 GET /".to_owned(),
            },
            LogEntry::Event { time, event: "release".to_owned(), text: "bob deployed 060da68".to_owned() },
            LogEntry::Dropped { time, lines: 7, reason: "more lines than are kept".to_owned() },
            LogEntry::Notice { text: "the log store went away".to_owned() },
        ];
        let shown = entries.iter().map(|entry| format!("{entry}\n{}\n", serde_json::to_string(entry).unwrap()));
        insta::assert_snapshot!(shown.collect::<String>(), @r#"
        earthy-instinct-v4-web-ppog6 -- 2016/02/20 23:18:03 10.2.62.0 GET /
        {"kind":"line","time":"2016-02-20T23:18:03.000001Z","pod":"earthy-instinct-v4-web-ppog6","process":"web","release":"v4","stream":"stdout","text":"2016/02/20 23:18:03 10.2.62.0 GET /"}
        deis[controller] -- bob deployed 060da68
        {"kind":"event","time":"2016-02-20T23:18:03.000001Z","event":"release","text":"bob deployed 060da68"}
        deis[logger] -- 7 lines missing: more lines than are kept
        {"kind":"dropped","time":"2016-02-20T23:18:03.000001Z","lines":7,"reason":"more lines than are kept"}
        deis[logger] -- the log store went away
        {"kind":"notice","text":"the log store went away"}
        "#);
        for entry in entries {
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<LogEntry>(&text).unwrap(), entry);
        }
    }
}
