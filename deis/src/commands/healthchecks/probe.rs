//! Probes as Kubernetes writes them, and as people read them.

use std::collections::BTreeMap;
use std::io;

use deis_cli::Ui;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Process type → its probes.
pub type Checks = BTreeMap<String, Probes>;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    liveness_probe: Option<Probe>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    readiness_probe: Option<Probe>,
}

/// What is left out has Kubernetes' default.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_delay_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_threshold: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<TcpSocket>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Exec {
    pub command: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGet {
    #[serde(default)]
    pub path: String,
    /// None when it is the app's `PORT`; Kubernetes allows a name too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_headers: Vec<Header>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Header {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct TcpSocket {
    pub port: Value,
}

pub fn show(ui: &mut Ui, app: &str, checks: &Checks) -> io::Result<()> {
    ui.line(format_args!("=== {app} Healthchecks"))?;
    if checks.is_empty() {
        return ui.line("No health checks configured.");
    }
    for (kind, probes) in checks {
        ui.line(format_args!("\n{kind}:"))?;
        ui.line("--- Liveness")?;
        match &probes.liveness_probe {
            Some(probe) => probe.show(ui)?,
            None => ui.line("No liveness probe configured.")?,
        }
        ui.line("\n--- Readiness")?;
        match &probes.readiness_probe {
            Some(probe) => probe.show(ui)?,
            None => ui.line("No readiness probe configured.")?,
        }
    }
    Ok(())
}

impl Probe {
    fn show(&self, ui: &mut Ui) -> io::Result<()> {
        let number = |number: Option<u32>| number.map_or_else(|| "default".to_owned(), |number| number.to_string());
        ui.line(format_args!("Initial Delay (seconds): {}", number(self.initial_delay_seconds)))?;
        ui.line(format_args!("Timeout (seconds): {}", number(self.timeout_seconds)))?;
        ui.line(format_args!("Period (seconds): {}", number(self.period_seconds)))?;
        ui.line(format_args!("Success Threshold: {}", number(self.success_threshold)))?;
        ui.line(format_args!("Failure Threshold: {}", number(self.failure_threshold)))?;
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "N/A".to_owned());
        ui.line(format_args!("Exec Probe: {}", or_none(self.exec.as_ref().map(Exec::text))))?;
        ui.line(format_args!("HTTP GET Probe: {}", or_none(self.http_get.as_ref().map(HttpGet::text))))?;
        ui.line(format_args!("TCP Socket Probe: {}", or_none(self.tcp_socket.as_ref().map(TcpSocket::text))))
    }
}

impl Exec {
    fn text(&self) -> String {
        format!("Command=[{}]", self.command.join(" "))
    }
}

impl HttpGet {
    fn text(&self) -> String {
        let port = self.port.as_ref().map_or_else(|| "default".to_owned(), Value::to_string);
        let headers = self.http_headers.iter().map(|Header { name, value }| format!("{name}={value}"));
        format!("Path=\"{}\" Port={port} HTTPHeaders=[{}]", self.path, headers.collect::<Vec<_>>().join(" "))
    }
}

impl TcpSocket {
    fn text(&self) -> String {
        format!("Port={}", self.port)
    }
}
