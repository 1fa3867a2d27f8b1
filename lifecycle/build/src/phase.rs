//! The build phase: one buildpack after the other.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use crate::buildpack::Buildpack;
use crate::detect::Detected;
use crate::layers::{self, Made};
use crate::plan::Entry;
use crate::platform::Platform;
use crate::report::Report;
use crate::{Failure, Folders, exec};

#[derive(Serialize)]
struct BuildpackPlan {
    entries: Vec<Entry>,
}

/// Builds with every buildpack that takes part; each sees the environment that those before it made.
pub(crate) fn build(
    detected: Detected,
    folders: &Folders,
    platform: &Platform,
    report: &Report,
) -> Result<Vec<(Buildpack, Made)>, Failure> {
    let Detected { group, mut resolution } = detected;
    let mut env = platform.base();
    let mut built = Vec::new();
    for (index, buildpack) in group.into_iter().enumerate() {
        if !resolution.members.contains(&index) {
            continue;
        }
        let plan = BuildpackPlan { entries: resolution.entries(index) };
        let plan = toml::to_string(&plan).map_err(|error| Failure::buildpack(&buildpack.name, error.to_string()))?;
        let file = folders.scratch.join("buildpack-plan.toml");
        fs::write(&file, plan).map_err(Failure::io("write a buildpack plan"))?;

        let made = run(&buildpack, folders, platform, &env, file, report)?;
        resolution.provided(index, &made.unmet);
        env = made.extend(&env)?;
        built.push((buildpack, made));
    }
    Ok(built)
}

fn run(
    buildpack: &Buildpack,
    folders: &Folders,
    platform: &Platform,
    env: &libcnb::Env,
    plan: PathBuf,
    report: &Report,
) -> Result<Made, Failure> {
    let layers = folders.layers.join(buildpack.escaped_id());
    fs::create_dir_all(&layers).map_err(Failure::io("make a layers folder"))?;
    let mut env = platform.env_of(buildpack, env);
    env.insert("CNB_LAYERS_DIR", &layers);
    env.insert("CNB_BP_PLAN_PATH", &plan);

    let program = buildpack.folder.join("bin/build");
    let mut gone = Ok(());
    let status = exec::run(&program, &[&layers, &platform.folder, &plan], &folders.app, &env, |line| {
        // When nobody listens any more the pod is about to be deleted; until then there is no use in stopping halfway.
        if gone.is_ok() {
            gone = report.line(line);
        }
    })
    .map_err(|error| Failure::build_image(&program)(error.to_string()))?;
    gone?;
    if !status.success() {
        return Err(Failure::buildpack(&buildpack.name, exec::describe(status)));
    }
    layers::read(buildpack, &layers)
}
