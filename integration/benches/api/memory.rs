//! What workflow holds in memory after it has been asked for a while, as the kernel counts it for the process: with 10,000 apps in the
//! ledger of which none runs, and what each of those adds that do.

use std::time::Duration;

use tokio::task::block_in_place;

use crate::figure::{Figure, Unit};
use crate::latency::RATE;
use crate::load::Load;
use crate::world::{APPS, PAGE, RUNNING, World, asked};

const RUNS: usize = 3;
const TIME: Duration = Duration::from_secs(5);
/// The last byte of the first address.
const FIRST: u8 = 60;

/// MiB, of the issue.
const CEILING: f64 = 60.0;

pub(crate) async fn measure(world: &World) -> Vec<Figure> {
    let (mut bare, mut running) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let host = FIRST + 2 * u8::try_from(run).unwrap();
        let idle = held(world, host, &world.idle.kubeconfig).await;
        let busy = held(world, host + 1, &world.busy.kubeconfig).await;
        bare.push(idle / 1024.0);
        running.push((busy - idle) / RUNNING as f64);
    }
    vec![
        Figure {
            name: format!("memory of workflow with {APPS} apps"),
            unit: Unit::MiB,
            samples: bare,
            ceiling: Some(CEILING),
            goal: Some(CEILING),
        },
        Figure {
            name: "memory of an app that runs".to_owned(),
            unit: Unit::KiB,
            samples: running,
            ceiling: None,
            goal: None,
        },
    ]
}

/// KiB of one that has just started and been asked for a while.
async fn held(world: &World, host: u8, kubeconfig: &str) -> f64 {
    let workflow = world.workflows.start(host, kubeconfig).await;
    let asked = asked(PAGE, &world.bob, workflow.rest, RATE);
    drop(block_in_place(|| Load::on(workflow.rest, &asked).last(TIME)));
    let held = workflow.process.memory();
    workflow.process.stop().await;
    held
}
