use deis_proto::logger::{DeleteAppRequest, ReadRequest, RecordEventRequest};

use super::redis::Redis;
use super::service::{Service, batch, code, next};

#[tokio::test]
async fn a_repeated_line_is_stored_once_whatever_the_batches() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut agent = service.agent().await;
    agent.append(batch("a", "web-1", &[(1, "one"), (2, "two")])).await.unwrap();
    agent.append(batch("a", "web-1", &[(1, "one"), (2, "two")])).await.unwrap();
    // Cut in another way, by an agent that was killed and by a server that has forgotten what it knew.
    let other = Service::start(&redis, &[]).await;
    let mut agent = other.agent().await;
    agent.append(batch("a", "web-1", &[(2, "two"), (3, "three")])).await.unwrap();
    // Another container counts for itself.
    agent.append(batch("a", "web-2", &[(4, "another")])).await.unwrap();
    assert_eq!(service.newest("a", 0).await, ["web-1 -- one", "web-1 -- two", "web-1 -- three", "web-2 -- another"]);
    assert!(service.newest("b", 0).await.is_empty());
    let metrics = service.context.metrics.encode().unwrap();
    assert!(metrics.contains("deis_logger_lines_total 2\n"), "{metrics}");
    assert!(metrics.contains("deis_logger_duplicates_total 2\n"), "{metrics}");
}

#[tokio::test]
async fn two_servers_share_what_is_known_of_a_source() {
    let redis = Redis::start();
    let (one, other) = (Service::start(&redis, &[]).await, Service::start(&redis, &[]).await);
    let (mut to_one, mut to_other) = (one.agent().await, other.agent().await);
    for position in 0..20 {
        let agent = if position % 2 == 0 { &mut to_one } else { &mut to_other };
        agent.append(batch("a", "web-1", &[(position + 1, "x"), (position + 2, "x")])).await.unwrap();
    }
    assert_eq!(one.newest("a", 100).await.len(), 21);
}

#[tokio::test]
async fn batches_that_come_at_once_are_stored_in_their_order() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut agent = service.agent().await;
    for position in 1..=60 {
        let mut batch = batch("a", "web-1", &[(position, &position.to_string())]);
        batch.batch = position;
        agent.batches.send(batch).await.unwrap();
    }
    for position in 1..=60 {
        assert_eq!(agent.answers.message().await.unwrap().unwrap().batch, position);
    }
    let expected: Vec<_> = (1..=60).map(|position| format!("web-1 -- {position}")).collect();
    assert_eq!(service.newest("a", 100).await, expected);
}

#[tokio::test]
async fn an_app_keeps_so_many_lines_and_bytes() {
    let redis = Redis::start();
    let limits = ["--lines-per-app", "10", "--bytes-per-app", "2000", "--bytes-in-all", "5000"];
    let service = Service::start(&redis, &limits).await;
    let mut agent = service.agent().await;
    for position in 1..=30 {
        agent.append(batch("many", "web-1", &[(position, "x")])).await.unwrap();
    }
    assert_eq!(service.newest("many", 100).await.len(), 10);
    let long = "x".repeat(500);
    for position in 1..=30 {
        agent.append(batch("long", "web-1", &[(position, &long)])).await.unwrap();
    }
    assert_eq!(service.newest("long", 100).await.len(), 3);
    // All together: the largest app gives way, not the one that writes.
    for app in ["one", "two"] {
        for position in 1..=3 {
            agent.append(batch(app, "web-1", &[(position, &long)])).await.unwrap();
        }
    }
    assert!(redis.ask::<u64>(&["GET", "log:bytes"]) <= 5000);
    assert_eq!(service.newest("many", 100).await.len(), 10);
    assert!(!service.newest("two", 100).await.is_empty());
    let sizes: Vec<(String, u64)> = redis.ask(&["ZRANGE", "log:sizes", "0", "-1", "WITHSCORES"]);
    assert_eq!(sizes.iter().map(|(_, size)| size).sum::<u64>(), redis.ask::<u64>(&["GET", "log:bytes"]));
}

#[tokio::test]
async fn lost_lines_are_said_where_they_would_have_stood() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut lines = batch("a", "web-1", &[(1, "before"), (9, "after")]);
    lines.lines[1].lost_before = 7;
    service.agent().await.append(lines).await.unwrap();
    assert_eq!(
        service.newest("a", 0).await,
        [
            "web-1 -- before",
            "deis[logger] -- 7 lines missing: the node removed log files before they were read",
            "web-1 -- after"
        ]
    );
}

#[tokio::test]
async fn a_deleted_app_leaves_nothing_to_the_next_of_its_name() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut agent = service.agent().await;
    agent.append(batch("a", "web-1", &[(1, "old")])).await.unwrap();
    let follow = ReadRequest { app: "a".to_owned(), follow: true, ..ReadRequest::default() };
    let mut old_owner = service.read(follow.clone()).await;
    assert_eq!(next(&mut old_owner).await.unwrap(), "web-1 -- old");
    assert_eq!(next(&mut old_owner).await.unwrap(), "caught up");

    let mut workflow = service.client("workflow");
    workflow.delete_app(DeleteAppRequest { app: "a".to_owned() }).await.unwrap();
    assert_eq!(next(&mut old_owner).await, None, "the old owner goes on reading");
    // It was written before the end and comes after it.
    agent.append(batch("a", "web-1", &[(2, "late")])).await.unwrap();
    assert!(service.newest("a", 0).await.is_empty());

    let mut new = batch("a", "web-9", &[(1, "new")]);
    new.lines[0].time_micros = i64::MAX;
    agent.append(new).await.unwrap();
    assert_eq!(service.newest("a", 0).await, ["web-9 -- new"]);
    assert_eq!(redis.ask::<i64>(&["TTL", "log:stream:a"]), -1);
    workflow.delete_app(DeleteAppRequest { app: "never-was".to_owned() }).await.unwrap();
    assert_eq!(redis.ask::<Vec<String>>(&["ZRANGE", "log:sizes", "0", "-1"]), ["a"]);
}

#[tokio::test]
async fn what_is_not_of_the_form_it_must_have_is_refused() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let order = batch("a", "web-1", &[(2, "two"), (1, "one")]);
    let app = batch("../b", "web-1", &[(1, "one")]);
    let mut source = batch("a", "web-1", &[(1, "one")]);
    source.source.clear();
    for refused in [order, app, source] {
        let refusal = service.agent().await.append(refused).await.unwrap_err();
        assert_eq!(code(&refusal), "invalid-argument");
    }
    let event = RecordEventRequest { app: "a".to_owned(), ..RecordEventRequest::default() };
    assert_eq!(code(&service.client("workflow").record_event(event).await.unwrap_err()), "invalid-argument");
    let read = ReadRequest { app: "a b".to_owned(), ..ReadRequest::default() };
    assert_eq!(code(&service.client("workflow").read(read).await.unwrap_err()), "invalid-argument");
}

#[tokio::test]
async fn only_agents_append_and_only_workflow_reads() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let read = || ReadRequest { app: "a".to_owned(), ..ReadRequest::default() };
    for stranger in ["builder", "logger-agent", "logger"] {
        let refusal = service.client(stranger).read(read()).await.unwrap_err();
        assert_eq!(code(&refusal), "permission-denied", "{stranger}");
    }
    let nothing = tokio_stream::iter(Vec::new());
    assert_eq!(code(&service.client("workflow").append(nothing).await.unwrap_err()), "permission-denied");
}
