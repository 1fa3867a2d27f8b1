//! Those whom the builder leans on are away, or too slow.

use super::common::Behaviour;
use super::world::{Push, World, assert_lines, tell};

fn away(what: &'static str, behaviour: Behaviour) -> Push {
    Push { what, behaviour, ..Push::default() }
}

#[tokio::test]
async fn peers_that_are_away() {
    let world = World::start(&[]).await;
    *world.builder.controller.unreachable.lock() = true;
    let controller = world.push(away("the controller is away", Behaviour::Builds)).await;
    *world.builder.controller.unreachable.lock() = false;
    *world.builder.locks.away.lock() = true;
    let state = world.push(away("the state service is away", Behaviour::Builds)).await;
    *world.builder.locks.away.lock() = false;
    let kubernetes = world.push(away("Kubernetes is away", Behaviour::NoPod)).await;
    world.end().await;

    let world = World::start(&["--registry=http://127.0.0.1:1"]).await;
    let registry = world.push(away("the registry is away", Behaviour::Builds)).await;
    world.end().await;

    let world = World::start(&["--build-timeout=1"]).await;
    let late = world.push(away("a build that takes too long", Behaviour::Hangs)).await;
    world.end().await;

    let lines = [controller, state, kubernetes, registry, late];
    tell(lines.len());
    assert_lines!(lines);
}
