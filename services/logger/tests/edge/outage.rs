//! Redis goes and comes back.

use deis_proto::logger::ReadRequest;

use super::redis::Redis;
use super::service::{Service, batch, code, next, until};

#[tokio::test]
async fn the_process_is_ready_while_redis_is_reached() {
    let mut redis = Redis::start();
    redis.kill();
    let service = Service::start_unready(&redis, &[]).await;
    until(|| service.context.readiness.waiting_for() == ["Redis"]).await;
    let read = ReadRequest { app: "a".to_owned(), ..ReadRequest::default() };
    assert_eq!(code(&service.client("workflow").read(read).await.unwrap_err()), "unavailable");
    let nothing = tokio_stream::iter(Vec::new());
    assert_eq!(code(&service.client("logger-agent").append(nothing).await.unwrap_err()), "unavailable");
    redis.start_again();
    service.ready().await;
    redis.kill();
    until(|| service.context.readiness.waiting_for() == ["Redis"]).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_redis_is_killed() {
    let mut redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut agent = service.agent().await;
    agent.append(batch("a", "web-1", &[(1, "1")])).await.unwrap();
    let mut follower = service.read(ReadRequest { app: "a".to_owned(), follow: true, ..ReadRequest::default() }).await;
    assert_eq!(next(&mut follower).await.unwrap(), "web-1 -- 1");
    assert_eq!(next(&mut follower).await.unwrap(), "caught up");
    for round in 2..=5 {
        redis.kill();
        assert!(agent.append(batch("a", "web-1", &[(round, "unknown")])).await.is_err());
        service.unready().await;
        redis.start_again();
        service.ready().await;
        agent = service.agent().await;
        let text = round.to_string();
        agent.append(batch("a", "web-1", &[(round - 1, "again"), (round, &text)])).await.unwrap();
        // The one who follows does not notice.
        assert_eq!(next(&mut follower).await.unwrap(), format!("web-1 -- {round}"));
    }
    assert_eq!(service.newest("a", 0).await.len(), 5);
}

#[tokio::test]
async fn what_redis_loses_is_said() {
    let mut redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut agent = service.agent().await;
    agent.append(batch("a", "web-1", &[(1, "1"), (2, "2"), (3, "3")])).await.unwrap();
    redis.lose_everything();
    assert!(agent.append(batch("a", "web-1", &[(4, "4")])).await.is_err());
    service.unready().await;
    redis.start_again();
    service.ready().await;
    let mut agent = service.agent().await;
    agent.append(batch("a", "web-1", &[(4, "4")])).await.unwrap();
    agent.append(batch("a", "web-1", &[(5, "5")])).await.unwrap();
    let missing = "deis[logger] -- 3 lines missing: the store has lost them";
    assert_eq!(service.newest("a", 0).await, [missing, "web-1 -- 4", "web-1 -- 5"]);
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_taught_again() {
    let redis = Redis::start();
    let service = Service::start(&redis, &[]).await;
    let mut agent = service.agent().await;
    agent.append(batch("a", "web-1", &[(1, "1")])).await.unwrap();
    redis.ask::<()>(&["SCRIPT", "FLUSH"]);
    agent.append(batch("a", "web-1", &[(2, "2")])).await.unwrap();
    assert_eq!(service.newest("a", 0).await, ["web-1 -- 1", "web-1 -- 2"]);
}
