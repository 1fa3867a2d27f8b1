//! What a push looks like to somebody who collects the platform's traces.

use crate::support::{Developer, Platform, Receiver, Span};

const CREATE_BUILD: &str = "/deis.workflow.v1.PushService/CreateBuild";

#[tokio::test]
async fn a_push_is_one_trace() {
    let platform = Platform::connect().await;
    let receiver = Receiver::start().await;
    let developer = Developer::register(&platform, "tracer").await;
    let (_repository, app) = developer.pushed_app("go").await;

    let trace = receiver.until("the trace of the push is whole", &app.name, |spans| whole(spans, &app.name)).await;

    // The session in which git pushed is the root; a span that starts a trace of its own would not be in this one.
    let roots = trace.iter().filter(|span| span.parent.is_empty()).collect::<Vec<_>>();
    let [root] = roots[..] else { panic!("{} roots: {trace:#?}", roots.len()) };
    assert_eq!((root.service.as_str(), root.name.as_str()), ("deis-builder", "ssh"));
    // The builder's push asks for the release, and nobody in between.
    let push = trace.iter().find(|span| is_push(span, &app.name)).unwrap();
    let asked = trace.iter().filter(|span| span.name == CREATE_BUILD).collect::<Vec<_>>();
    let [asked] = asked[..] else { panic!("{} calls: {trace:#?}", asked.len()) };
    assert_eq!(asked.service, "deis-workflow");
    assert_eq!(asked.parent, push.id, "{trace:#?}");
    // The push lock.
    let lock = trace.iter().find(|span| span.name == "/deis.state.v1.LockService/Acquire").unwrap();
    assert_eq!(lock.service, "deis-state");
}

/// The trace with the app's push, once its root, the calls that workflow and state served for it, and every parent are there.
fn whole(spans: &[Span], app: &str) -> Option<Vec<Span>> {
    let push = spans.iter().find(|span| is_push(span, app))?;
    let trace = spans.iter().filter(|span| span.trace == push.trace).cloned().collect::<Vec<_>>();
    let has = |service: &str, name: &str| trace.iter().any(|span| span.service == service && span.name == name);
    let is_whole = has("deis-workflow", CREATE_BUILD)
        && has("deis-state", "/deis.state.v1.LockService/Acquire")
        && trace.iter().any(|span| span.parent.is_empty())
        && trace.iter().all(|span| span.parent.is_empty() || trace.iter().any(|other| other.id == span.parent));
    is_whole.then_some(trace)
}

fn is_push(span: &Span, app: &str) -> bool {
    span.service == "deis-builder" && span.name == "push" && span.app.as_deref() == Some(app)
}
