//! Deploys: from the release that the ledger wants to the pods that serve it.
//!
//! One reconciler, driven by levels: it compares the goal with the world, takes the next step and looks again, so it can be killed
//! anywhere. [`plan`] and [`failure`] decide and are pure; [`reconciler`] acts, through [`Effects`] alone; [`deployer`] runs one
//! reconciler for each app at a time, under the app's lock.

mod cause;
pub mod cluster;
pub mod deployer;
pub mod effects;
pub mod failure;
pub mod goal;
mod holder;
pub mod locks;
pub mod no_node;
mod outside;
pub mod phase;
pub mod plan;
pub mod probe;
pub mod progress;
pub mod reconciler;
pub mod refusal;
#[cfg(test)]
mod simulation;
pub mod world;

pub use cause::Cause;
pub use cluster::{Cluster, Demolition, PodList, PodView, Routers};
pub use deployer::{Deployer, News, Outcome, Run};
pub use effects::{EffectError, Effects, Grant, Surroundings};
pub use failure::Failure;
pub use goal::{Assignment, Goal};
pub use holder::Holder;
pub use locks::{Guard, Held, Locks};
pub use outside::Outside;
pub use progress::Progress;
pub use reconciler::Ending;
