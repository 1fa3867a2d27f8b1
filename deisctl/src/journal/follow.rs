use std::collections::HashMap;
use std::time::Duration;

use deis_cli::{Failure, Ui};
use deis_kube::watch::{Change, objects};
use futures_util::io::AsyncBufReadExt as _;
use futures_util::stream::{self, LocalBoxStream, SelectAll, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use tokio::time::Instant;

use super::source::{Reading, Source};
use crate::cluster::KubeError;
use crate::deadline::{end_of, until};

/// When a connection that was lost is made again, unless the pod changes before.
const RETRY: Duration = Duration::from_secs(1);

enum Event {
    Line(String),
    /// The log of the container before is over.
    CurrentBegins,
    /// What was read broke off or could not be opened.
    Broken(String),
    Ended,
}

type Events = LocalBoxStream<'static, (String, Event)>;

/// Shows lines of all pods that a selector means, those to come too, until the person presses Ctrl-C. A pod that is there already
/// begins with its last `lines`.
pub(crate) async fn follow(api: Api<Pod>, selector: &str, lines: u32, ui: &mut Ui) -> Result<(), Failure> {
    let (mut changes, _) = objects(api.clone(), watcher::Config::default().labels(selector));
    let mut followed = Followed {
        api,
        sources: HashMap::new(),
        events: SelectAll::new(),
        first_lines: Some(lines.into()),
        retry: None,
    };
    loop {
        tokio::select! {
            Some(change) = changes.next() => followed.changed(change, ui)?,
            Some((pod, event)) = followed.events.next() => followed.happened(&pod, event, ui)?,
            () = until(followed.retry), if followed.retry.is_some() => followed.try_again(ui)?,
            _ = tokio::signal::ctrl_c() => return Err(Failure::ended(130)),
        }
    }
}

struct Followed {
    api: Api<Pod>,
    /// By the names of the pods.
    sources: HashMap<String, Source>,
    events: SelectAll<Events>,
    /// What a new pod begins with; all lines, once the pods that were there are known.
    first_lines: Option<i64>,
    retry: Option<Instant>,
}

impl Followed {
    fn changed(&mut self, change: Change<Pod>, ui: &mut Ui) -> Result<(), Failure> {
        match change {
            Change::Applied(pod) => {
                let name = pod.name_any();
                match self.sources.get_mut(&name) {
                    // A StatefulSet gives a new pod the name of the old one.
                    Some(source) if source.pod.uid() == pod.uid() => source.pod = pod,
                    _ => drop(self.sources.insert(name.clone(), Source::new(pod, self.first_lines))),
                }
                self.read(&name, ui)?;
            }
            Change::Deleted(key) => {
                if let Some(source) = self.sources.get_mut(&key.name) {
                    source.gone = true;
                }
                self.forget_if_over(&key.name);
            }
            Change::Complete => {
                if self.sources.is_empty() && self.first_lines.is_some() {
                    ui.warn("It has no pod; its lines are shown when it has one.")?;
                }
                self.first_lines = None;
            }
        }
        Ok(())
    }

    fn happened(&mut self, name: &str, event: Event, ui: &mut Ui) -> Result<(), Failure> {
        let Some(source) = self.sources.get_mut(name) else { return Ok(()) };
        match event {
            Event::Line(line) => match source.line(&line) {
                Ok(Some(text)) => {
                    source.told = false;
                    ui.line(format_args!("{name}: {text}"))?;
                }
                Ok(None) => {}
                Err(said) => ui.warn(format_args!("{name}: {said}"))?,
            },
            Event::CurrentBegins => source.current_begins(),
            Event::Broken(why) => {
                if !std::mem::replace(&mut source.told, true) {
                    ui.warn(format_args!("{name}: {why}; trying again"))?;
                }
            }
            Event::Ended => {
                source.ended();
                if source.is_due() {
                    self.retry = end_of(RETRY);
                }
                self.read(name, ui)?;
                self.forget_if_over(name);
            }
        }
        Ok(())
    }

    fn try_again(&mut self, ui: &mut Ui) -> Result<(), Failure> {
        self.retry = None;
        let due = self.sources.iter().filter(|(_, source)| source.is_due()).map(|(name, _)| name.clone());
        for name in due.collect::<Vec<_>>() {
            self.read_now(&name, ui)?;
        }
        Ok(())
    }

    /// Reads what is there to read; a lost connection waits for its time.
    fn read(&mut self, name: &str, ui: &mut Ui) -> Result<(), Failure> {
        let waits = self.retry.is_some() && self.sources.get(name).is_some_and(Source::is_due);
        if waits { Ok(()) } else { self.read_now(name, ui) }
    }

    fn read_now(&mut self, name: &str, ui: &mut Ui) -> Result<(), Failure> {
        let Some(Reading { before, current, is_restart }) = self.sources.get_mut(name).and_then(Source::next) else {
            return Ok(());
        };
        if is_restart {
            ui.warn(format_args!("{name}: its process has been started again"))?;
        }
        let open = |params| lines(self.api.clone(), name.to_owned(), params);
        let events = match before {
            Some(before) => {
                let mark = stream::once(async { Event::CurrentBegins });
                open(before).chain(mark).chain(open(current)).boxed_local()
            }
            None => open(current),
        };
        let name = name.to_owned();
        let events = events.chain(stream::once(async { Event::Ended })).map(move |event| (name.clone(), event));
        self.events.push(events.boxed_local());
        Ok(())
    }

    fn forget_if_over(&mut self, name: &str) {
        if self.sources.get(name).is_some_and(Source::is_over) {
            self.sources.remove(name);
        }
    }
}

fn lines(api: Api<Pod>, name: String, params: LogParams) -> LocalBoxStream<'static, Event> {
    let open = async move {
        match api.log_stream(&name, &params).await {
            Ok(log) => log.lines().map(event).boxed_local(),
            Err(error) => {
                let why = Event::Broken(format!("its log cannot be read: {}", KubeError::from(error)));
                stream::once(async { why }).boxed_local()
            }
        }
    };
    stream::once(open).flatten().boxed_local()
}

fn event(line: std::io::Result<String>) -> Event {
    line.map_or_else(|error| Event::Broken(format!("its log broke off: {error}")), Event::Line)
}
