use deis_proto::logger::{ReadRequest, RecordEventRequest};

use super::redis::Redis;
use super::service::{Service, batch, next};

fn request(app: &str) -> ReadRequest {
    ReadRequest { app: app.to_owned(), ..ReadRequest::default() }
}

#[tokio::test]
async fn the_newest_come_in_the_order_of_their_time() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut agent = service.agent().await;
    agent.append(batch("a", "web-1", &[(1, "1"), (3, "3"), (5, "5")])).await.unwrap();
    agent.append(batch("a", "worker-1", &[(2, "2"), (4, "4")])).await.unwrap();
    let event = RecordEventRequest {
        app: "a".to_owned(),
        kind: "release".to_owned(),
        text: "bob deployed 060da68".to_owned(),
        time_micros: 3_500_000,
    };
    service.client("workflow").record_event(event).await.unwrap();

    let all = ["web-1 -- 1", "worker-1 -- 2", "web-1 -- 3", "deis[controller] -- bob deployed 060da68"];
    let all = [all.as_slice(), &["worker-1 -- 4", "web-1 -- 5"]].concat();
    assert_eq!(service.newest("a", 0).await, all);
    assert_eq!(service.newest("a", 2).await.len(), 2);

    let mut of_worker = service.read(ReadRequest { process: "worker".to_owned(), ..request("a") }).await;
    assert_eq!(next(&mut of_worker).await.unwrap(), "worker-1 -- 2");
    assert_eq!(next(&mut of_worker).await.unwrap(), "worker-1 -- 4");
    assert_eq!(next(&mut of_worker).await, None);

    let mut since = service.read(ReadRequest { since_micros: 3_500_000, ..request("a") }).await;
    for expected in &all[3..] {
        assert_eq!(next(&mut since).await.as_deref(), Some(*expected));
    }
    assert_eq!(next(&mut since).await, None);
}

#[tokio::test]
async fn a_follower_gets_what_was_there_and_what_comes() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut nobody = service.read(ReadRequest { follow: true, ..request("new") }).await;
    assert_eq!(next(&mut nobody).await.unwrap(), "caught up");

    let mut agent = service.agent().await;
    agent.append(batch("a", "web-1", &[(1, "old"), (2, "newer")])).await.unwrap();
    let mut follower = service.read(ReadRequest { follow: true, lines: 1, ..request("a") }).await;
    let process = "worker".to_owned();
    let mut of_worker = service.read(ReadRequest { follow: true, process, ..request("a") }).await;
    assert_eq!(next(&mut follower).await.unwrap(), "web-1 -- newer");
    assert_eq!(next(&mut follower).await.unwrap(), "caught up");
    assert_eq!(next(&mut of_worker).await.unwrap(), "caught up");
    let metrics = service.context.metrics.encode().unwrap();
    assert!(metrics.contains("deis_logger_followers 3\n"), "{metrics}");

    agent.append(batch("a", "web-1", &[(3, "new")])).await.unwrap();
    agent.append(batch("a", "worker-1", &[(3, "work")])).await.unwrap();
    agent.append(batch("new", "web-1", &[(1, "first")])).await.unwrap();
    assert_eq!(next(&mut follower).await.unwrap(), "web-1 -- new");
    assert_eq!(next(&mut follower).await.unwrap(), "worker-1 -- work");
    assert_eq!(next(&mut of_worker).await.unwrap(), "worker-1 -- work");
    assert_eq!(next(&mut nobody).await.unwrap(), "web-1 -- first");
    service.context.shutdown.cancel();
    assert!(follower.message().await.is_err());
}

#[tokio::test]
async fn who_follows_too_slowly_is_told_how_much_is_missing() {
    let redis = Redis::start();
    let service = Service::start(&redis, &["--lines-per-app", "5"]).await;
    let mut agent = service.agent().await;
    let mut follower = service.read(ReadRequest { follow: true, ..request("a") }).await;
    assert_eq!(next(&mut follower).await.unwrap(), "caught up");
    // More than the connection's windows hold, to one who does not read.
    let long = "x".repeat(100_000);
    for position in 1..=200 {
        agent.append(batch("a", "web-1", &[(position, &format!("{position} {long}"))])).await.unwrap();
    }
    let (mut got, mut missing) = (0, 0);
    while got + missing < 200 {
        let text = next(&mut follower).await.unwrap();
        match text.strip_prefix("deis[logger] -- ").and_then(|text| text.split_once(' ')) {
            Some((number, _)) => missing += number.parse::<u64>().unwrap(),
            None => {
                got += 1;
                assert!(text.starts_with(&format!("web-1 -- {} ", got + missing)), "after {got} and {missing}");
            }
        }
    }
    assert!(got > 5 && missing > 0, "{got} {missing}");
}
