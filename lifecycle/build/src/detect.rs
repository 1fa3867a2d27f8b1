//! Detection: which buildpacks take part.

use std::fs;

use deis_api::Code;

use crate::buildpack::Buildpack;
use crate::exec;
use crate::order::Candidate;
use crate::plan::{self, BuildPlan, Resolution};
use crate::platform::Platform;
use crate::report::Report;
use crate::{Failure, Folders};

/// `bin/detect` says with it that the source is not for this buildpack.
const NOT_FOR_ME: i32 = 100;

/// The buildpacks that build, in order, and their agreement.
pub(crate) struct Detected {
    pub(crate) group: Vec<Buildpack>,
    /// Its members are indexes into `group`.
    pub(crate) resolution: Resolution,
}

/// Tries the groups in their order; the first whose required buildpacks pass and agree is it.
pub(crate) fn detect(
    groups: Vec<Vec<Candidate>>,
    folders: &Folders,
    platform: &Platform,
    report: &Report,
) -> Result<Detected, Failure> {
    let mut known = Vec::new();
    for group in groups {
        for candidate in &group {
            if !known.contains(&candidate.buildpack.name) {
                known.push(candidate.buildpack.name.clone());
            }
        }
        if let Some((group, plans)) = try_group(group, folders, platform, report)?
            && let Some(resolution) = plan::resolve(plans)
        {
            return Ok(Detected { group, resolution });
        }
    }
    Err(Failure::NothingDetected(known.join(", ")))
}

type Passed = (Vec<Buildpack>, Vec<(BuildPlan, bool)>);

fn try_group(
    group: Vec<Candidate>,
    folders: &Folders,
    platform: &Platform,
    report: &Report,
) -> Result<Option<Passed>, Failure> {
    let mut passed = Passed::default();
    for Candidate { buildpack, optional } in group {
        match run(&buildpack, folders, platform, report)? {
            Some(plan) => {
                passed.0.push(buildpack);
                passed.1.push((plan, optional));
            }
            None if optional => {}
            None => return Ok(None),
        }
    }
    Ok(Some(passed).filter(|(group, _)| !group.is_empty()))
}

/// Runs `bin/detect`. A buildpack that breaks has not passed; what it printed is shown, since its author should know.
fn run(
    buildpack: &Buildpack,
    folders: &Folders,
    platform: &Platform,
    report: &Report,
) -> Result<Option<BuildPlan>, Failure> {
    let file = folders.scratch.join("build-plan.toml");
    fs::write(&file, "").map_err(Failure::io("write a build plan"))?;
    let mut env = platform.env_of(buildpack, &platform.base());
    env.insert("CNB_BUILD_PLAN_PATH", &file);

    let mut printed = Vec::new();
    let program = buildpack.folder.join("bin/detect");
    let status = exec::run(&program, &[&platform.folder, &file], &folders.app, &env, |line| {
        if printed.len() < 100 {
            printed.push(line.to_owned());
        }
    })
    .map_err(|error| Failure::build_image(&program)(error.to_string()))?;
    match status.code() {
        Some(0) => {
            let text = fs::read_to_string(&file).map_err(Failure::io("read a build plan"))?;
            let plan = toml::from_str(&text);
            plan.map(Some).map_err(|_| Failure::buildpack(&buildpack.name, "wrote a build plan that cannot be read"))
        }
        Some(NOT_FOR_ME) => Ok(None),
        _ => {
            report.title(&format!(
                "{} cannot tell ({}): it {}",
                buildpack.name,
                Code::BuildFailed,
                exec::describe(status)
            ))?;
            printed.iter().try_for_each(|line| report.line(line))?;
            Ok(None)
        }
    }
}
