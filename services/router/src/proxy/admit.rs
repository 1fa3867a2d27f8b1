use std::sync::Arc;

use deis_api::Code;
use http::header::HOST;
use http::uri::Authority;
use http::{Method, Request, StatusCode, Version};

use super::client::Client;
use super::page::Refusal;
use crate::table::{Host, Route, Table};

/// Finds the route of a request and applies its rules, in this order: allow list, maintenance, TLS. Where its path is another Service's,
/// the rules of both hold. A refusal comes with the route of the host, if there is one.
pub(super) fn admit<B>(
    table: &Table,
    request: &Request<B>,
    client: &Client,
) -> Result<Arc<Route>, (Option<Arc<Route>>, Refusal)> {
    let host = host(request).map_err(|refusal| (None, refusal))?;
    let Some(route) = table.route(&host) else {
        let path = request.uri().path();
        let refusal = if path == "/healthz" || path == "/healthz/" {
            Refusal::Healthy
        } else {
            Refusal::UnknownHost(host.as_str().to_owned())
        };
        return Err((None, refusal));
    };
    let branch = table.below(route, request.uri().path());
    let of_branch = || if Arc::ptr_eq(route, branch) { None } else { refusal(branch, request, &host, client) };
    match refusal(route, request, &host, client).or_else(of_branch) {
        Some(refusal) => Err((Some(Arc::clone(route)), refusal)),
        None => Ok(Arc::clone(branch)),
    }
}

fn refusal<B>(route: &Route, request: &Request<B>, host: &Host<'_>, client: &Client) -> Option<Refusal> {
    let settings = &route.settings;
    if !settings.admits(client.address) {
        Some(Refusal::AddressRefused)
    } else if settings.maintenance {
        Some(Refusal::Maintenance)
    } else if settings.enforce_tls && !client.tls {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        Some(Refusal::UseTls(format!("https://{}{path}", host.as_str())))
    } else {
        None
    }
}

/// The one host that a request names. Two that differ, in whatever places, are refused: the next server might believe the other.
fn host<B>(request: &Request<B>) -> Result<Host<'_>, Refusal> {
    if request.method() == Method::CONNECT {
        return Err(Refusal::Malformed(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::MethodNotAllowed,
            "CONNECT is not served here.",
        ));
    }
    let mut lines = request.headers().get_all(HOST).iter();
    let (line, more) = (lines.next(), lines.next());
    if more.is_some() {
        return Err(malformed("The request has more than one Host header."));
    }
    let line = line
        .map(|line| line.to_str().ok().and_then(Host::parse).ok_or_else(|| malformed("The Host header is not a host.")))
        .transpose()?;
    let target = request.uri().authority().map(parse).transpose()?;
    match (target, line) {
        (Some(target), Some(line)) if target != line => Err(malformed("The request names two different hosts.")),
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) if request.version() < Version::HTTP_11 => {
            Err(malformed("A Host header is needed, in HTTP/1.0 too."))
        }
        (None, None) => Err(malformed("The request has no Host header.")),
    }
}

fn parse(authority: &Authority) -> Result<Host<'_>, Refusal> {
    // A user's name before the host is not what a server is asked with.
    Host::parse(authority.as_str()).ok_or_else(|| malformed("The request's target is not a host."))
}

fn malformed(problem: &'static str) -> Refusal {
    Refusal::Malformed(StatusCode::BAD_REQUEST, Code::InvalidArgument, problem)
}
