//! Why a host is served as it is, as each router tells it.

use std::collections::BTreeSet;
use std::time::Duration;

use deis_proto::router::explain_response::{Pod, Standing};
use deis_proto::router::router_service_client::RouterServiceClient;
use deis_proto::router::{ExplainRequest, ExplainResponse};
use futures_util::future::try_join_all;
use kube::Client;
use serde::Serialize;

use crate::components::{GRPC_PORT, find};
use crate::forward::{ForwardError, Forwarder};
use crate::inventory::{InventoryError, look};
use crate::probe::innermost;

const ROUTER: &str = "router";
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A router, by its pod, and its answer.
#[derive(Debug, Serialize)]
pub(crate) struct Said {
    pub(crate) router: String,
    #[serde(flatten)]
    pub(crate) answer: Answer,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    Explanation(Box<Explanation>),
    /// Why there is none.
    Silence(String),
}

#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Explanation {
    /// What would become of the next request.
    pub(crate) sentence: String,
    /// What can be done about it, where something has to.
    pub(crate) next: Option<String>,
    /// What the next request would be refused with.
    pub(crate) code: Option<String>,
    /// `None` when the host is not known.
    pub(crate) route: Option<Route>,
}

/// What the router's table has of the host.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Route {
    /// The host itself, `*.example.com`, or an app's bare name, `name.*`.
    pub(crate) rule: String,
    /// `namespace/name`.
    pub(crate) service: String,
    pub(crate) maintenance: bool,
    pub(crate) tls_enforced: bool,
    /// Who alone may come; `None` when everybody may.
    pub(crate) allowed: Option<Vec<String>>,
    pub(crate) by_service_address: bool,
    pub(crate) pods: Vec<Backend>,
    pub(crate) requests: i64,
    pub(crate) most_requests: i64,
    pub(crate) waiting: i64,
    /// That each pod may have from this router; `None` for any number.
    pub(crate) most_connections: Option<i64>,
    pub(crate) drain_epoch: i64,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Backend {
    pub(crate) address: String,
    pub(crate) uid: String,
    /// `ready`, `leaving`, `ejected`.
    pub(crate) standing: &'static str,
    pub(crate) connections: i64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplainError {
    #[error(transparent)]
    Look(#[from] InventoryError),
    #[error("no pod of component {ROUTER} is ready")]
    NoPod,
    #[error("the routers cannot be reached")]
    Forward(#[from] ForwardError),
    #[error("{0}")]
    NotAHost(String),
}

/// Asks every router that takes requests. One that does not answer keeps nobody from the others.
pub(crate) async fn all(client: &Client, namespace: &str, host: &str) -> Result<Vec<Said>, ExplainError> {
    let component = find(ROUTER).ok_or(ExplainError::NoPod)?;
    let standing = look(client, namespace, component).await?;
    let routers = standing.pods.iter().filter(|pod| pod.serves()).collect::<Vec<_>>();
    if routers.is_empty() {
        return Err(ExplainError::NoPod);
    }
    let forwarder = Forwarder::load(client.clone(), namespace).await?;
    try_join_all(routers.iter().map(|pod| ask(&forwarder, &pod.name, host))).await
}

async fn ask(forwarder: &Forwarder, router: &str, host: &str) -> Result<Said, ExplainError> {
    let channel = forwarder.channel(router, ROUTER, GRPC_PORT)?;
    let request = deis_rpc::request(ExplainRequest { host: host.to_owned() }, ANSWER_LIMIT);
    let answer = match RouterServiceClient::new(channel).explain(request).await {
        Ok(answer) => Answer::Explanation(Box::new(explanation(answer.into_inner()))),
        Err(status) if status.code() == tonic::Code::InvalidArgument => {
            return Err(ExplainError::NotAHost(status.message().to_owned()));
        }
        Err(status) => Answer::Silence(innermost(&status)),
    };
    Ok(Said { router: router.to_owned(), answer })
}

fn explanation(told: ExplainResponse) -> Explanation {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let route = (!told.rule.is_empty()).then(|| Route {
        rule: told.rule,
        service: format!("{}/{}", told.namespace, told.service),
        maintenance: told.maintenance,
        tls_enforced: told.tls_enforced,
        allowed: told.restricted.then_some(told.allowed),
        by_service_address: told.by_service_address,
        pods: told.pods.into_iter().map(backend).collect(),
        requests: told.requests,
        most_requests: told.most_requests,
        waiting: told.waiting,
        most_connections: Some(told.most_connections).filter(|most| *most > 0),
        drain_epoch: told.drain_epoch,
    });
    Explanation { sentence: told.sentence, next: some(told.next), code: some(told.code), route }
}

fn backend(pod: Pod) -> Backend {
    let standing = match pod.standing() {
        Standing::Ready => "ready",
        Standing::Leaving => "leaving",
        Standing::Ejected => "ejected",
        Standing::Unspecified => "unknown",
    };
    Backend { standing, address: pod.address, uid: pod.uid, connections: pod.connections }
}

type Aspect = (&'static str, fn(&Explanation) -> Option<String>);

/// What is the same in all routers that know the host, once each has heard of the newest change; how much each has to do is not.
const ASPECTS: [Aspect; 5] = [
    ("code", |one| Some(one.code.clone().unwrap_or_default())),
    ("rule", |one| Some(one.route.as_ref().map(|route| route.rule.clone()).unwrap_or_default())),
    ("Service", |one| one.route.as_ref().map(|route| format!("{} {}", route.service, route.by_service_address))),
    ("settings", |one| {
        let settings = |route: &Route| format!("{} {} {:?}", route.maintenance, route.tls_enforced, route.allowed);
        one.route.as_ref().map(settings)
    }),
    ("pods", |one| {
        let pods = one.route.as_ref()?.pods.iter().map(|pod| format!("{} {}", pod.address, pod.standing));
        Some(pods.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", "))
    }),
];

/// In what the routers that answered differ.
pub(crate) fn differences(said: &[Said]) -> Vec<&'static str> {
    let explained = said.iter().filter_map(|said| match &said.answer {
        Answer::Explanation(explanation) => Some(explanation.as_ref()),
        Answer::Silence(_) => None,
    });
    let explained = explained.collect::<Vec<_>>();
    let differs = |(_, aspect): &&Aspect| {
        explained.iter().filter_map(|explanation| aspect(explanation)).collect::<BTreeSet<_>>().len() > 1
    };
    ASPECTS.iter().filter(differs).map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(changes: &[fn(&mut ExplainResponse)]) -> Vec<Said> {
        let answers = changes.iter().map(|change| {
            let pod = |address: &str| Pod { address: address.to_owned(), standing: 1, ..Pod::default() };
            let mut told = ExplainResponse {
                rule: "*.example.com".to_owned(),
                pods: vec![pod("10.1.0.7:5000"), pod("10.1.0.8:5000")],
                ..ExplainResponse::default()
            };
            change(&mut told);
            Said { router: String::new(), answer: Answer::Explanation(Box::new(explanation(told))) }
        });
        answers.collect()
    }

    #[test]
    fn routers_differ_in_what_they_know_and_not_in_what_they_do() {
        let busy = |told: &mut ExplainResponse| {
            told.requests = 7;
            told.pods.reverse();
        };
        assert_eq!(differences(&said(&[|_| {}, busy])), [""; 0]);
        assert_eq!(differences(&said(&[|_| {}, |_| {}, |told| told.pods[1].standing = 2])), ["pods"]);
        let closed = |told: &mut ExplainResponse| {
            told.maintenance = true;
            told.code = "maintenance".to_owned();
        };
        assert_eq!(differences(&said(&[closed, |_| {}])), ["code", "settings"]);
        let unknown = |told: &mut ExplainResponse| {
            *told = ExplainResponse { code: "unknown-host".to_owned(), ..ExplainResponse::default() };
        };
        assert_eq!(differences(&said(&[unknown, |_| {}])), ["code", "rule"]);
        let mut with_silent = said(&[|_| {}]);
        with_silent.push(Said { router: String::new(), answer: Answer::Silence("it is gone".to_owned()) });
        assert_eq!(differences(&with_silent), [""; 0]);
    }
}
