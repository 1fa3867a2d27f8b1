use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::LogParams;

use super::position::Position;

/// A pod whose log is followed.
pub(super) struct Source {
    /// As it was seen last.
    pub(super) pod: Pod,
    /// It has been deleted.
    pub(super) gone: bool,
    /// The person knows that it cannot be read now.
    pub(super) told: bool,
    /// How many lines to begin with; all of a pod that came later.
    first_lines: Option<i64>,
    /// The container whose log is or was read.
    container: Option<String>,
    reading: bool,
    /// The log of `container` was read to its end.
    complete: bool,
    position: Position,
}

/// What is to be read next.
pub(super) struct Reading {
    /// What may have been missed of the container before: it ended while nobody was connected.
    pub(super) before: Option<LogParams>,
    pub(super) current: LogParams,
    /// Another container of the same pod was read before.
    pub(super) is_restart: bool,
}

impl Source {
    pub(super) fn new(pod: Pod, first_lines: Option<i64>) -> Self {
        let position = Position::default();
        Self { pod, gone: false, told: false, first_lines, container: None, reading: false, complete: false, position }
    }

    /// What to read now; nothing while it is being read, before it has started, and after its end.
    pub(super) fn next(&mut self) -> Option<Reading> {
        let status = deis_kube::pod_state::container(&self.pod)?;
        let current = status.container_id.clone().filter(|id| !id.is_empty())?;
        let same = self.container.as_ref() == Some(&current);
        if self.reading || self.gone || (same && self.complete) {
            return None;
        }
        let first = self.container.is_none();
        let missed = !first && !same && !self.complete;
        let since = |last: Option<Timestamp>| LogParams { since_time: last, timestamps: true, ..LogParams::default() };
        let before = missed.then(|| LogParams { previous: true, ..since(self.position.last()) });
        let current_params = if first {
            LogParams { tail_lines: self.first_lines, ..since(None) }
        } else if same {
            since(self.position.last())
        } else {
            since(None)
        };
        if same || missed {
            self.position.resume();
        } else {
            self.position.restart();
        }
        self.container = Some(current);
        self.reading = true;
        self.complete = false;
        let current = LogParams { follow: true, ..current_params };
        Some(Reading { before, current, is_restart: !first && !same })
    }

    /// The log of the container before has been read; what comes now is new.
    pub(super) const fn current_begins(&mut self) {
        self.position.restart();
    }

    /// The text of a line that has not been shown yet; what does not begin with a time is a word of the kubelet's.
    pub(super) fn line<'line>(&mut self, line: &'line str) -> Result<Option<&'line str>, &'line str> {
        let (time, text) = line.split_once(' ').unwrap_or((line, ""));
        let time = time.parse::<Timestamp>().map_err(|_no_time| line)?;
        Ok(self.position.is_new(time).then_some(text))
    }

    /// The connection has ended: with the container, or before it.
    pub(super) fn ended(&mut self) {
        self.reading = false;
        self.complete = deis_kube::pod_state::container(&self.pod).is_some_and(|status| self.has_ended(status));
    }

    /// Nothing more will come.
    pub(super) const fn is_over(&self) -> bool {
        self.gone && !self.reading
    }

    /// Whether it is worth trying again by and by, without a change of the pod.
    pub(super) const fn is_due(&self) -> bool {
        !self.reading && !self.complete && !self.gone && self.container.is_some()
    }

    fn has_ended(&self, status: &ContainerStatus) -> bool {
        let states = [&status.state, &status.last_state].into_iter().flatten();
        let mut ended = states.filter_map(|state| state.terminated.as_ref()?.container_id.as_ref());
        ended.any(|id| Some(id) == self.container.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn pod(id: &str, state: Value, before: Value) -> Pod {
        let status = json!({
            "name": "router", "image": "", "imageID": "", "ready": true, "restartCount": 0, "containerID": id, "state": state,
            "lastState": before,
        });
        from_value(json!({ "metadata": { "name": "x" }, "status": { "containerStatuses": [status] } })).unwrap()
    }

    fn running(id: &str) -> Pod {
        pod(id, json!({ "running": {} }), json!({}))
    }

    fn restarted(id: &str, before: &str) -> Pod {
        let before = json!({ "terminated": { "exitCode": 1, "containerID": before } });
        pod(id, json!({ "running": {} }), before)
    }

    #[test]
    fn a_log_is_read_once_from_the_lines_that_are_asked_for() {
        let mut source = Source::new(running("a"), Some(40));
        let reading = source.next().unwrap();
        assert_eq!(
            (reading.current.tail_lines, reading.current.follow, reading.current.since_time),
            (Some(40), true, None)
        );
        assert!(reading.before.is_none() && !reading.is_restart);
        assert!(source.next().is_none(), "it is being read");
        assert_eq!(source.line("2026-11-28T12:00:00.5Z hello world"), Ok(Some("hello world")));
        assert_eq!(source.line("unable to retrieve container logs"), Err("unable to retrieve container logs"));
    }

    #[test]
    fn a_lost_connection_is_made_again_behind_the_last_line() {
        let mut source = Source::new(running("a"), None);
        source.next().unwrap();
        source.line("2026-11-28T12:00:00.5Z one").unwrap();
        source.ended();
        assert!(source.is_due());
        let reading = source.next().unwrap();
        assert_eq!(reading.current.since_time, Some("2026-11-28T12:00:00.5Z".parse().unwrap()));
        assert_eq!(source.line("2026-11-28T12:00:00.5Z one"), Ok(None));
        assert_eq!(source.line("2026-11-28T12:00:00.6Z two"), Ok(Some("two")));
    }

    #[test]
    fn after_a_restart_the_end_of_the_one_before_is_read_if_it_was_missed() {
        let mut source = Source::new(running("a"), None);
        source.next().unwrap();
        source.line("2026-11-28T12:00:00Z one").unwrap();
        source.ended();
        source.pod = restarted("b", "a");
        let reading = source.next().unwrap();
        assert!(reading.is_restart && reading.before.is_some_and(|before| before.previous && !before.follow));
        assert_eq!(reading.current.since_time, None);

        // This time its end is known, so nothing was missed.
        source.pod = pod("b", json!({ "terminated": { "exitCode": 1, "containerID": "b" } }), json!({}));
        source.ended();
        assert!(source.next().is_none() && !source.is_due());
        source.pod = restarted("c", "b");
        assert!(source.next().unwrap().before.is_none());
    }

    #[test]
    fn a_pod_that_is_gone_is_read_to_its_end() {
        let mut source = Source::new(running("a"), None);
        source.next().unwrap();
        source.gone = true;
        assert!(!source.is_over());
        source.ended();
        assert!(source.is_over() && source.next().is_none());
    }
}
