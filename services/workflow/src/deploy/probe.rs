//! What the kubelet's probes of a process find.

use std::fmt;

use jiff::Timestamp;

/// One of the three questions that the kubelet asks a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// Has it started?
    Startup,
    /// Can it be served?
    Readiness,
    /// Does it still live?
    Liveness,
}

/// The newest answer to a probe that was not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhealthy {
    /// The probe.
    pub probe: Probe,
    /// The kubelet's words.
    pub words: String,
    /// When it was told last.
    pub seen: Timestamp,
}

impl Unhealthy {
    /// Reads the kubelet's Event `Unhealthy`: `Readiness probe failed: HTTP probe failed with statuscode: 500`.
    #[must_use]
    pub fn parse(message: &str, seen: Timestamp) -> Option<Self> {
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let (head, words) = message.split_once(": ").unwrap_or((&message, ""));
        let (name, _) = head.split_once(" probe ")?;
        let probe = [Probe::Startup, Probe::Readiness, Probe::Liveness];
        let probe = probe.into_iter().find(|probe| name == probe.title())?;
        Some(Self { probe, words: words.trim_end_matches('.').to_owned(), seen })
    }

    /// Whether nothing listens where the probe asks.
    #[must_use]
    pub fn nobody_listens(&self) -> bool {
        self.words.contains("connection refused")
    }
}

impl Probe {
    const fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Startup => "startup",
            Self::Readiness => "readiness",
            Self::Liveness => "liveness",
        })
    }
}

/// What was answered, as the end of a sentence.
impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words.as_str();
        if let Some(status) = words.strip_prefix("HTTP probe failed with statuscode: ") {
            return write!(f, "it answers with HTTP status {status}");
        }
        if self.nobody_listens() {
            return match port(words) {
                Some(port) => write!(f, "nothing listens on port {port}"),
                None => f.write_str("nothing listens on its port"),
            };
        }
        if ["context deadline exceeded", "i/o timeout", "timed out"].iter().any(|part| words.contains(part)) {
            return f.write_str("it does not answer in time");
        }
        match words {
            "" => f.write_str("it does not answer as it should"),
            words => write!(f, "it answers \"{words}\""),
        }
    }
}

/// `dial tcp 10.0.0.7:5000: connect: connection refused`.
fn port(words: &str) -> Option<u16> {
    let (_, address) = words.split_once("dial tcp ")?;
    let (address, _) = address.split_once(": ")?;
    address.rsplit(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> Option<String> {
        Unhealthy::parse(message, Timestamp::UNIX_EPOCH).map(|found| format!("{}: {found}", found.probe))
    }

    #[test]
    fn the_kubelets_words_are_told_in_ours() {
        let messages = [
            "Startup probe failed: dial tcp 10.0.0.7:5000: connect: connection refused",
            "Startup probe failed: dial tcp [fd00::7]:5000: connect: connection refused",
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
            "Readiness probe failed: Get \"http://10.0.0.7:5000/health\": dial tcp 10.0.0.7:5000: connect: connection refused",
            "Liveness probe failed: Get \"http://10.0.0.7:5000/health\": context deadline exceeded (Client.Timeout exceeded \
             while awaiting headers)",
            "Liveness probe failed: cat: /tmp/alive: No such file or directory\n",
            "Readiness probe failed: ",
            "Readiness probe errored and resulted in unknown state: rpc error: code = NotFound desc = no such container",
        ];
        insta::assert_yaml_snapshot!(messages.map(|message| told(message).unwrap()));
        assert_eq!(told("Stopping container web"), None);
        assert_eq!(told("Strange probe failed: x"), None);
    }
}
