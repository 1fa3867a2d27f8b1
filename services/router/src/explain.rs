//! Why requests for a host are answered as they are: what the table has of it, and what would become of the next request.

use std::sync::Arc;

use deis_api::Code;

use crate::backend::Backend;
use crate::table::{Host, Live, Route, Source};

/// What this router knows of a host.
#[derive(Debug)]
pub(crate) struct Explanation {
    /// The host in normal form.
    pub(crate) host: String,
    /// What would become of the next request, in one sentence.
    pub(crate) sentence: String,
    /// What can be done about it; empty where nothing has to.
    pub(crate) next: String,
    /// What the next request would be refused with.
    pub(crate) code: Option<Code>,
    /// Where requests go, if the host is known.
    pub(crate) found: Option<Found>,
    /// The table that this is from.
    pub(crate) generation: u64,
}

/// What answers for a host.
#[derive(Debug)]
pub(crate) struct Found {
    /// The rule under which the table has the host: itself, `*.example.com`, or `name.*`.
    pub(crate) rule: String,
    pub(crate) route: Arc<Route>,
    /// The pods in the table, with how they stand.
    pub(crate) pods: Vec<(Arc<Backend>, Standing)>,
    /// Why requests go to the Service's own address, if they do.
    pub(crate) stand_in: Option<String>,
}

/// How a pod is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// For any request.
    Ready,
    /// When no other is ready: it is about to be deleted.
    Leaving,
    /// When there is no other at all: it takes no connections.
    Ejected,
}

struct Verdict {
    code: Option<Code>,
    sentence: String,
    next: String,
}

/// Explains a host. One app may have `most` requests under way.
pub(crate) fn explain(live: &Live, host: &Host<'_>, most: usize) -> Explanation {
    let table = live.table();
    let found = table.find(host).map(|(rule, route)| Found {
        rule: rule.into_owned(),
        pods: route.standings().collect(),
        stand_in: route.service.as_ref().filter(|_| live.distrusts_pods()).map(|_| match live.stale_for() {
            Some(stale) => format!("Kubernetes has not been heard of for {} s", stale.as_secs()),
            None => "the table is the last good one on disk".to_owned(),
        }),
        route: Arc::clone(route),
    });
    let Verdict { code, sentence, next } = match &found {
        Some(found) => verdict(found, host.as_str(), most),
        None => unknown(host.as_str(), table.source()),
    };
    Explanation { host: host.as_str().to_owned(), sentence, next, code, found, generation: table.generation() }
}

fn unknown(host: &str, source: Source) -> Verdict {
    let (sentence, next) = match source {
        Source::Nothing => (
            "This router has no table yet, so it knows no host.".to_owned(),
            "It waits for Kubernetes: see what it says with 'deisctl journal router'.",
        ),
        Source::Disk | Source::Watch => (
            format!("No app is served at {host}: no Service names it."),
            "The app's owner gives it the name with 'deis domains:add'; for a Service made by hand it stands in the annotation router.deis.io/domains, beside the label router.deis.io/routable=true.",
        ),
    };
    Verdict { code: Some(Code::UnknownHost), sentence, next: next.to_owned() }
}

fn verdict(found: &Found, host: &str, most: usize) -> Verdict {
    let Found { route, pods, stand_in, .. } = found;
    let (app, limit, present) = (&route.app, route.settings.connections, route.demand.present());
    let refused = |code, sentence, next: String| Verdict { code: Some(code), sentence, next };
    if route.settings.maintenance {
        let next = "The app's owner ends it with 'deis maintenance:off'.".to_owned();
        return refused(Code::Maintenance, format!("{app} is in maintenance."), next);
    }
    if let Some(why) = stand_in {
        let sentence = format!("Requests for {host} go to the address of the Service {}, for {why}.", route.key);
        let next = "See what is wrong with Kubernetes: 'deisctl doctor'.".to_owned();
        return Verdict { code: None, sentence: sentence + &rules(route), next };
    }
    if pods.is_empty() {
        let next = "The app's owner sees with 'deis explain' why; for a Service made by hand see its EndpointSlices.";
        return refused(Code::NoBackend, format!("{app} has no pod that is ready."), next.to_owned());
    }
    if present >= most {
        let sentence = format!("{app} has {present} requests under way in this router, as many as one app may have.");
        let next = "See with 'deis logs' what keeps it, or raise DEIS_MAX_CONNECTIONS of the routers.".to_owned();
        return refused(Code::BackendBusy, sentence, next);
    }
    let of = |standing| pods.iter().filter(move |(_, is)| *is == standing).map(|(pod, _)| pod);
    let count = |standing| of(standing).count();
    if count(Standing::Ejected) == pods.len() {
        let sentence = format!("{app} has {}, and none takes connections.", counted(pods.len(), "pod"));
        let next = "The app's owner sees with 'deis logs' why.".to_owned();
        return refused(Code::BackendFailed, sentence, next);
    }
    let usable = if count(Standing::Ready) > 0 { Standing::Ready } else { Standing::Leaving };
    if of(usable).all(|pod| pod.in_flight() >= limit) {
        let waiting = route.demand.waiting();
        let sentence = format!(
            "All pods of {app} that can be used have {}, as many as they may; {} wait{} for a place.",
            counted(limit, "connection"),
            counted(waiting, "request"),
            if waiting == 1 { "s" } else { "" },
        );
        let next = "The app's owner starts more processes with 'deis scale'; an operator sets the limit: annotation router.deis.io/maxConnections of the app's Service.";
        return refused(Code::BackendBusy, sentence, next.to_owned());
    }
    let sentence = format!(
        "Requests for {host} go to {} of {} of {app}{}.",
        count(usable),
        counted(pods.len(), "pod"),
        [(Standing::Leaving, "about to go"), (Standing::Ejected, "without connections")]
            .into_iter()
            .filter(|(standing, _)| count(*standing) > 0)
            .map(|(standing, is)| format!(", {} {is}", count(standing)))
            .collect::<String>(),
    );
    Verdict { code: None, sentence: sentence + &rules(route), next: String::new() }
}

/// The rules that depend on who asks, and how.
fn rules(route: &Route) -> String {
    let allowed = if route.settings.allowed.is_some() { " Only certain addresses may come." } else { "" };
    let https = if route.settings.enforce_tls { " Plain requests are sent to https." } else { "" };
    format!("{allowed}{https}{}", branches(route))
}

/// Where some paths go instead.
fn branches(route: &Route) -> String {
    let branches = route.branches();
    branches.map(|(pattern, key)| format!(" Paths that begin with {pattern} go to the Service {key}.")).collect()
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
