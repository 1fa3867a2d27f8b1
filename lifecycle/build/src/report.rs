//! What is told to the builder while a build runs.

use deis_proto::builder::PodMessage;
use deis_proto::builder::pod_message::Message;
use tokio::sync::mpsc::Sender;

use crate::Failure;

/// The way back to the builder; every call waits while the builder is behind, and fails when it is gone.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    messages: Sender<PodMessage>,
}

impl Report {
    pub(crate) fn new(messages: Sender<PodMessage>) -> Self {
        Self { messages }
    }

    /// A step: `-----> Go app detected`.
    pub(crate) fn title(&self, text: &str) -> Result<(), Failure> {
        self.send(Message::LogLine(format!("-----> {text}")))
    }

    /// A line below a step, indented unless it is a step of its own.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        let is_step = text.is_empty() || text.starts_with("--");
        self.send(Message::LogLine(if is_step { text.to_owned() } else { format!("       {text}") }))
    }

    pub(crate) fn send(&self, message: Message) -> Result<(), Failure> {
        let message = PodMessage { message: Some(message) };
        self.messages.blocking_send(message).map_err(|_| Failure::Connection("the builder is gone".to_owned()))
    }
}
