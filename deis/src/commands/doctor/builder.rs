//! Whether `git push` would find the builder.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

use super::{LIMIT, Outcome};
use crate::controller::BUILDER_PORT;
use crate::{exec, resolver};
use deis_cli::deadline::within;

/// The longest identification string, with its end (RFC 4253, section 4.2).
const BANNER_LIMIT: u64 = 255;

/// Where ssh connects to: the user's settings may lead elsewhere than the URL says.
#[derive(Debug, Eq, PartialEq)]
struct Route {
    host: String,
    port: u16,
    /// Another program, or another host, makes the connection.
    is_indirect: bool,
}

pub async fn check(host: &str) -> Outcome {
    let route = match route(host).await {
        Ok(route) => route,
        Err(error) => return Outcome::bad(format!("ssh cannot be started: {error}"), "install OpenSSH's client"),
    };
    let address = format!("{}:{}", route.host, route.port);
    if route.is_indirect {
        return Outcome::Skipped(format!("cannot be checked: ssh reaches {address} by a proxy of its own"));
    }
    let fix = format!(
        "see whether this machine may connect to {address}; 'deisctl status builder router' tells an administrator \
         whether it is served"
    );
    match within(LIMIT, banner(&route)).await {
        None => Outcome::bad(format!("{address} did not answer within {} s", LIMIT.as_secs()), fix),
        Some(Err(error)) => Outcome::bad(format!("{address} cannot be reached: {error}"), fix),
        Some(Ok(banner)) if banner.starts_with("SSH-") => Outcome::Good(format!("{address} answers: {banner}")),
        Some(Ok(_)) => Outcome::bad(format!("what answers at {address} does not speak SSH"), fix),
    }
}

/// Asks ssh itself; one that does not tell is taken to go where the URL says.
async fn route(host: &str) -> io::Result<Route> {
    let (user, port) = (format!("git@{host}"), BUILDER_PORT.to_string());
    let settings = match within(LIMIT, exec::run_while_awaited("ssh", ["-G", "-p", &port, &user])).await {
        Some(output) => String::from_utf8_lossy(&output?.stdout).into_owned(),
        None => String::new(),
    };
    Ok(Route::parse(&settings, host))
}

impl Route {
    /// `ssh -G`: one setting to a line, the key in lower case.
    fn parse(settings: &str, host: &str) -> Self {
        let setting = |key: &str| {
            let mut pairs = settings.lines().filter_map(|line| line.split_once(' '));
            pairs.find_map(|(name, value)| (name == key && value != "none").then_some(value))
        };
        Self {
            host: setting("hostname").unwrap_or(host).to_owned(),
            port: setting("port").and_then(|port| port.parse().ok()).unwrap_or(BUILDER_PORT),
            is_indirect: setting("proxycommand").or_else(|| setting("proxyjump")).is_some(),
        }
    }
}

/// The first line that the server says.
async fn banner(route: &Route) -> io::Result<String> {
    let addresses = resolver::addresses(&route.host).await?;
    let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, route.port)).collect::<Vec<_>>();
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    let mut line = Vec::new();
    BufReader::new(stream.take(BANNER_LIMIT)).read_until(b'\n', &mut line).await?;
    // It is a stranger's text, and is shown on a terminal.
    Ok(String::from_utf8_lossy(&line).chars().filter(|letter| !letter.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_settings_of_ssh_are_followed() {
        let route = |settings| Route::parse(settings, "deis-builder.example.com");
        let direct = |host: &str, port| Route { host: host.to_owned(), port, is_indirect: false };
        assert_eq!(route(""), direct("deis-builder.example.com", 2222));
        let settings = "user git\nhostname 192.0.2.7\nport 4711\nproxycommand none\n";
        assert_eq!(route(settings), direct("192.0.2.7", 4711));
        assert!(route("hostname x\nproxyjump bastion\n").is_indirect);
        assert!(route("proxycommand nc %h %p\n").is_indirect);
    }
}
