use clap::Args;
use deis_cli::Failure;
use serde_json::{Map, Value};

use super::probe::{Exec, Header, HttpGet, Probe, TcpSocket};
use super::word::Word;
use super::{Check, TypeArgs};
use crate::app::ChangeArgs;
use crate::context::Context;

const EXAMPLES: &str = "\
Examples:
  deis healthchecks:set liveness httpGet 5000 --path=/health
  deis healthchecks:set readiness tcpSocket 5000 --type=web
  deis healthchecks:set liveness exec --type=worker -- cat /tmp/alive";

/// Have processes checked, which makes a release
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Set {
    /// liveness: start a process anew that is not well; readiness: send it no requests
    #[arg(value_name = "check", value_parser = Check::WORDS)]
    check: Check,
    /// How it is checked
    #[arg(value_name = "how", value_parser = How::WORDS)]
    how: How,
    /// The port; of exec the command, after --
    #[arg(required = true, value_name = "args")]
    arguments: Vec<String>,
    /// The path that httpGet asks for
    #[arg(short, long, value_name = "path", default_value = "/")]
    path: String,
    /// Headers that httpGet sends, ex: Accept:text/plain,X-Check:1
    #[arg(long, value_name = "name:value")]
    headers: Option<String>,
    #[command(flatten)]
    kind: TypeArgs,
    /// Seconds after the start before the first check
    #[arg(long, value_name = "seconds", default_value_t = 50)]
    initial_delay_timeout: u32,
    /// Seconds that an answer may take
    #[arg(long, value_name = "seconds", default_value_t = 50)]
    timeout_seconds: u32,
    /// Seconds between checks
    #[arg(long, value_name = "seconds", default_value_t = 10)]
    period_seconds: u32,
    /// Good answers in a row until it is well; of liveness always 1
    #[arg(long, value_name = "num", default_value_t = 1)]
    success_threshold: u32,
    /// Bad answers in a row until it is not well
    #[arg(long, value_name = "num", default_value_t = 3)]
    failure_threshold: u32,
    #[command(flatten)]
    change: ChangeArgs,
}

/// How a process is checked.
#[derive(Clone, Copy, Debug)]
enum How {
    HttpGet,
    Exec,
    TcpSocket,
}

impl How {
    const WORDS: Word<Self> = Word {
        words: &[("httpGet", Self::HttpGet), ("exec", Self::Exec), ("tcpSocket", Self::TcpSocket)],
        refusal: |_| "Invalid probe type. Must be one of: \"httpGet\", \"exec\"".to_owned(),
    };
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let probe = serde_json::to_value(self.probe()?)?;
        let session = context.app_to_change(&self.change)?;
        let field = self.check.field();
        let probes = Map::from_iter([(field.to_owned(), probe)]);
        super::change(context, &session, &format!("Applying {field} healthcheck... "), self.kind, probes).await
    }

    fn probe(&self) -> Result<Probe, Failure> {
        let probe = Probe {
            initial_delay_seconds: Some(self.initial_delay_timeout),
            timeout_seconds: Some(self.timeout_seconds),
            period_seconds: Some(self.period_seconds),
            success_threshold: Some(self.success_threshold),
            failure_threshold: Some(self.failure_threshold),
            ..Probe::default()
        };
        Ok(match self.how {
            How::Exec => Probe { exec: Some(Exec { command: self.arguments.clone() }), ..probe },
            How::TcpSocket => Probe { tcp_socket: Some(TcpSocket { port: self.port()? }), ..probe },
            How::HttpGet => {
                let http_headers = self.headers.as_deref().map(headers).transpose()?.unwrap_or_default();
                let http_get = HttpGet { path: self.path.clone(), port: Some(self.port()?), http_headers };
                Probe { http_get: Some(http_get), ..probe }
            }
        })
    }

    fn port(&self) -> Result<Value, Failure> {
        let text = self.arguments.join(" ");
        let port =
            text.parse::<u16>().map_err(|reason| Failure::new(format!("could not parse port: {text}: {reason}")))?;
        Ok(port.into())
    }
}

fn headers(text: &str) -> Result<Vec<Header>, Failure> {
    let header = |header: &str| match header.split_once(':') {
        Some((name, value)) => Ok(Header { name: name.trim().to_owned(), value: value.trim().to_owned() }),
        None => Err(Failure::new(format!("could not parse headers: could not find separator in header ({header})"))),
    };
    text.split(',').map(header).collect()
}
