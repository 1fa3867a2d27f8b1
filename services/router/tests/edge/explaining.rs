//! What operators are told of a host, in the words of the router itself.

use deis_kube::objects::Drain;
use deis_proto::router::explain_response::{Pod, Standing};
use deis_proto::router::{ExplainRequest, ExplainResponse};
use deis_router::table::facts::Event;

use crate::lifecycle::client;
use crate::limits::{Slow, launch, until_waiting};
use crate::support::{App, Edge, app, pods, refusing, service};

async fn explain(edge: &Edge, host: &str) -> Result<ExplainResponse, tonic::Status> {
    let request = ExplainRequest { host: host.to_owned() };
    Ok(client(edge, "operator").explain(request).await?.into_inner())
}

async fn told(edge: &Edge) -> ExplainResponse {
    explain(edge, "app.example.com").await.unwrap()
}

fn standings(answer: &ExplainResponse) -> Vec<Standing> {
    let mut standings = answer.pods.iter().map(Pod::standing).collect::<Vec<_>>();
    standings.sort();
    standings
}

#[tokio::test]
async fn a_host_that_is_served_is_explained_and_one_that_is_not() {
    let (one, two) = (App::saying("one").await, App::saying("two").await);
    let edge = Edge::start(app(&[("ssl.enforce", "true")], &[one.address])).await;
    let answer = explain(&edge, "App.Example.com:443").await.unwrap();
    assert_eq!(
        (answer.sentence.as_str(), answer.next.as_str(), answer.code.as_str()),
        ("Requests for app.example.com go to 1 of 1 pod of app. Plain requests are sent to https.", "", "")
    );
    assert_eq!((answer.host.as_str(), answer.rule.as_str()), ("app.example.com", "app.example.com"));
    assert_eq!((answer.namespace.as_str(), answer.service.as_str(), answer.app.as_str()), ("app", "app", "app"));
    let pod = Pod {
        address: one.address.to_string(),
        uid: one.address.port().to_string(),
        standing: Standing::Ready.into(),
        connections: 0,
    };
    assert_eq!((answer.pods, answer.requests, answer.most_requests), (vec![pod], 0, 4096));

    let drain = Drain { epoch: 7, leaving: [two.address.port().to_string()].into() }.to_string();
    for event in pods(&[two.address]).into_iter().chain([service(&[("drain", &drain), ("whitelist", "192.0.2.0/24")])])
    {
        edge.change(event).await;
    }
    let answer = told(&edge).await;
    assert_eq!(
        answer.sentence,
        "Requests for app.example.com go to 1 of 2 pods of app, 1 about to go. Only certain addresses may come."
    );
    assert_eq!((standings(&answer), answer.drain_epoch), (vec![Standing::Ready, Standing::Leaving], 7));
    assert_eq!((answer.restricted, answer.allowed), (true, vec!["192.0.2.0/24".to_owned()]));

    let nobody = explain(&edge, "nobody.example.com").await.unwrap();
    assert_eq!(
        (nobody.sentence.as_str(), nobody.code.as_str()),
        ("No app is served at nobody.example.com: no Service names it.", "unknown-host")
    );
    assert!(nobody.next.contains("deis domains:add") && nobody.pods.is_empty(), "{nobody:?}");
    assert_eq!(explain(&edge, "no host").await.unwrap_err().code(), tonic::Code::InvalidArgument);
    let request = ExplainRequest { host: "app.example.com".to_owned() };
    let refused = client(&edge, "builder").explain(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}

/// The code is the one that a request is refused with.
#[tokio::test]
async fn what_a_request_would_be_refused_with_is_said_before() {
    let dead = refusing().await;
    let edge = Edge::start([service(&[])]).await;
    let agrees = async |sentence: &str| {
        let answer = told(&edge).await;
        assert_eq!(answer.sentence, sentence);
        assert!(!answer.next.is_empty());
        assert_eq!(edge.get("/").await.header("deis-error-code"), answer.code);
        answer
    };
    agrees("app has no pod that is ready.").await;
    edge.change(service(&[("maintenance", "true")])).await;
    assert!(agrees("app is in maintenance.").await.maintenance);
    for event in [service(&[])].into_iter().chain(pods(&[dead])) {
        edge.change(event).await;
    }
    assert_eq!(standings(&told(&edge).await), [Standing::Ready]);
    for _ in 0..3 {
        edge.get("/").await;
    }
    let answer = agrees("app has 1 pod, and none takes connections.").await;
    assert_eq!(standings(&answer), [Standing::Ejected]);

    let saying = App::saying("hello").await;
    edge.change(crate::support::pod(saying.address)).await;
    assert_eq!(
        told(&edge).await.sentence,
        "Requests for app.example.com go to 1 of 2 pods of app, 1 without connections."
    );
}

#[tokio::test]
async fn places_are_counted() {
    let (slow, pod) = Slow::start().await;
    let edge = launch(&["--max-connections", "12"], app(&[("maxConnections", "1")], &[pod.address])).await;
    let look = async {
        slow.until_busy(&edge, 1).await;
        until_waiting(&edge, 1).await;
        let full = told(&edge).await;
        let third = async {
            until_waiting(&edge, 2).await;
            let most = told(&edge).await;
            slow.let_go.add_permits(3);
            most
        };
        let (_, most) = tokio::join!(edge.get("/3"), third);
        (full, most)
    };
    let (_, _, (full, most)) = tokio::join!(edge.get("/1"), edge.get("/2"), look);
    assert_eq!(
        full.sentence,
        "All pods of app that can be used have 1 connection, as many as they may; 1 request waits for a place."
    );
    let places =
        |answer: &ExplainResponse| (answer.requests, answer.most_requests, answer.waiting, answer.most_connections);
    assert_eq!((places(&full), full.pods[0].connections, full.code.as_str()), ((2, 3, 1, 1), 1, "backend-busy"));
    assert_eq!(most.sentence, "app has 3 requests under way in this router, as many as one app may have.");
    assert_eq!((places(&most), most.code.as_str()), ((3, 3, 2, 1), "backend-busy"));
}

#[tokio::test]
async fn it_is_told_when_pods_are_not_trusted() {
    let saying = App::saying("hello").await;
    let edge = launch(&["--stale-after", "0"], pods(&[saying.address])).await;
    let Event::Service(mut with_address) = service(&[]) else { unreachable!() };
    with_address.address = Some(saying.address);
    edge.change(Event::Service(with_address)).await;
    edge.health.fail();
    let answer = told(&edge).await;
    assert_eq!(
        (answer.sentence.as_str(), answer.by_service_address),
        (
            "Requests for app.example.com go to the address of the Service app/app, for Kubernetes has not been heard of for 0 s.",
            true
        )
    );
}
