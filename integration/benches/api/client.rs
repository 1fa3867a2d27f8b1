//! What is asked of the API.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::http::Connection;

/// The addresses of further pages begin with the host.
const HEADERS: &str = "Host: deis.bench\r\nUser-Agent: bench\r\nAccept: */*\r\n";
/// Of all users that are registered here.
pub(crate) const PASSWORD: &str = "a password of a user";

/// A user with his token.
pub(crate) struct User {
    pub(crate) name: &'static str,
    token: String,
}

impl User {
    /// Registers a user, as this administrator, and logs him in.
    pub(crate) fn register(&self, address: SocketAddr, name: &'static str) -> Self {
        let profile = json!({ "username": name, "password": PASSWORD, "email": format!("{name}@example.com") });
        drop(json(address, &post("/v2/auth/register/", &self.authorization(), &profile)));
        Self::log_in(address, name, PASSWORD)
    }

    pub(crate) fn log_in(address: SocketAddr, name: &'static str, password: &str) -> Self {
        let answer = json(address, &log_in(name, password, 0));
        Self { name, token: answer["token"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\n{HEADERS}{}\r\n", self.authorization()).into_bytes()
    }

    fn authorization(&self) -> String {
        format!("Authorization: token {}\r\n", self.token)
    }
}

/// A login from the client with this number, of whom a router tells: how many of one address may log in at a time is limited.
pub(crate) fn log_in(name: &str, password: &str, client: usize) -> Vec<u8> {
    let body = json!({ "username": name, "password": password });
    post("/v2/auth/login/", &format!("X-Forwarded-For: 192.0.2.{client}\r\n"), &body)
}

fn post(path: &str, more: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    let of_body = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    format!("POST {path} HTTP/1.1\r\n{HEADERS}{more}{of_body}\r\n{body}").into_bytes()
}

/// The answer's body, which must be one of success.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut connection = Connection::open(address).unwrap();
    let answer = connection.send(request).unwrap();
    assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, String::from_utf8_lossy(answer.body));
    answer.body.to_owned()
}

pub(crate) fn json(address: SocketAddr, request: &[u8]) -> Value {
    serde_json::from_slice(&ask(address, request)).unwrap()
}
