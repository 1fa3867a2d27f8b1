//! Deploys: from the release that the ledger wants to the pods that serve it.
//!
//! One reconciler, driven by levels: it compares the goal with the world, takes the next step and looks again, so it can be killed
//! anywhere. [`plan`] and [`failure`] decide and are pure; [`reconciler`] acts, through [`Effects`] alone; [`deployer`] runs one
//! reconciler for each app at a time.

pub mod effects;
pub mod failure;
pub mod goal;

pub mod plan;
pub mod reconciler;
#[cfg(test)]
mod simulation;
pub mod world;

pub use effects::{EffectError, Effects, Grant, Surroundings};
pub use failure::Failure;
pub use goal::{Assignment, Goal};
