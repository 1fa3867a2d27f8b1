//! One build, from source to layers. It blocks: everything it waits for is a program or the builder.

use std::collections::{BTreeMap, HashMap};

use deis_api::ProcType;
use deis_oci::{Compression, Limits};
use deis_proto::builder::{BuildResult, BuildSpec};
use tokio::sync::mpsc::Receiver;

use crate::buildpack::Buildpack;
use crate::launch::Processes;
use crate::layers::Made;
use crate::order::Candidate;
use crate::platform::Platform;
use crate::report::Report;
use crate::source::SourceReader;
use crate::{Failure, Folders, cache, custom, detect, export, order, phase, procfile, slugignore};

/// What the builder gives besides the specification, piece by piece.
pub(crate) struct Given {
    pub(crate) source: SourceReader,
    pub(crate) cache: Receiver<cache::Piece>,
}

/// Builds and sends the layers; the result is for the caller to send.
pub(crate) fn build(spec: BuildSpec, given: Given, folders: &Folders, report: &Report) -> Result<BuildResult, Failure> {
    deis_oci::unpack(given.source, Compression::None, &folders.app, &Limits::default()).map_err(Failure::Source)?;
    let procfile = procfile::read(&folders.app)?;
    slugignore::apply(&folders.app, report)?;
    let custom = spec.environment.get(custom::VARIABLE).filter(|url| !url.is_empty()).cloned();
    let platform = Platform::prepare(folders, spec.environment.into_iter().collect())?;

    let detected = match custom {
        Some(url) => {
            let buildpack = custom::fetch(&url, folders, report)?;
            let alone = vec![vec![Candidate { buildpack, optional: false }]];
            detect::detect(alone, folders, &platform, report).map_err(|failure| match failure {
                Failure::NothingDetected(name) => custom::unusable(format!("{name} does not accept this source")),
                failure => failure,
            })?
        }
        None => detect::detect(order::read(&folders.cnb)?, folders, &platform, report)?,
    };
    let members = detected.group.iter().enumerate().filter(|(index, _)| detected.resolution.members.contains(index));
    let members = members.map(|(_, buildpack)| buildpack).collect::<Vec<_>>();
    let names = members.iter().map(|buildpack| buildpack.name.as_str()).collect::<Vec<_>>().join(", ");
    report.title(&format!("{names} app detected"))?;
    let restored = cache::restore(given.cache, &members, folders, report)?;
    let built = phase::build(detected, folders, &platform, report)?;

    let processes = Processes::collect(&built, procfile.as_ref())?;
    tell_processes(procfile.as_ref(), &names, &processes, report)?;
    export::export(&built, &processes, folders, spec.max_image_bytes.try_into().unwrap_or_default(), report)?;
    if let Ok(max_bytes @ 1..) = spec.max_cache_bytes.try_into() {
        cache::save(&built, &restored, folders, max_bytes, report)?;
    }
    Ok(result(&built, &processes, names))
}

fn tell_processes(
    procfile: Option<&BTreeMap<ProcType, String>>,
    names: &str,
    processes: &Processes,
    report: &Report,
) -> Result<(), Failure> {
    let list = |types: Vec<&str>| if types.is_empty() { "none".to_owned() } else { types.join(", ") };
    report.title("Discovering process types")?;
    if let Some(procfile) = procfile {
        let declared = list(procfile.keys().map(ProcType::as_str).collect());
        report.line(&format!("Procfile declares types -> {declared}"))?;
    }
    let is_proposed = |process_type: &ProcType| procfile.is_none_or(|procfile| !procfile.contains_key(process_type));
    let proposed = processes.commands().map(|(process_type, _)| process_type).filter(|name| is_proposed(name));
    let proposed = proposed.map(ProcType::as_str).collect::<Vec<_>>();
    if procfile.is_none() || !proposed.is_empty() {
        report.line(&format!("Default process types for {names} -> {}", list(proposed)))?;
    }
    Ok(())
}

fn result(built: &[(Buildpack, Made)], processes: &Processes, detected: String) -> BuildResult {
    let commands = processes.commands().map(|(name, command)| (name.to_string(), command.to_owned()));
    BuildResult {
        processes: commands.collect(),
        default_process: processes.default_type().map(ToString::to_string).unwrap_or_default(),
        environment: HashMap::new(),
        buildpacks: built.iter().map(|(buildpack, _)| format!("{}@{}", buildpack.id, buildpack.version)).collect(),
        detected,
    }
}
