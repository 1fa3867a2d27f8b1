use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::facts::{Build, Facts, Ledger};

/// The type that a router serves, when there is one: `web`, else `cmd`.
const SERVED: [&str; 2] = ["web", "cmd"];

/// The branches that are built.
const BRANCHES: [&str; 2] = ["refs/heads/master", "refs/heads/main"];

/// Everything that does not fit together, a sentence each; empty when all agree.
#[must_use]
pub fn disagreements(facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    match &facts.ledger {
        None => gone(facts, &mut found),
        Some(ledger) => {
            let wanted = Wanted::of(ledger);
            promises(facts, ledger, &wanted, &mut found);
            history(ledger, &mut found);
            controllers(facts, &wanted, &mut found);
            pods(facts, &wanted, &mut found);
            serving(facts, ledger, &wanted, &mut found);
            images(facts, ledger, &mut found);
            repository(facts, ledger, &wanted, &mut found);
        }
    }
    found
}

/// What the ledger wants to run.
struct Wanted<'a> {
    /// The newest release that has not failed.
    release: u64,
    /// None when it has no build.
    build: Option<&'a Build>,
    /// ReplicationController to the replicas that it may have; one of none may be there or not.
    controllers: BTreeMap<String, RangeInclusive<u32>>,
    served: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn of(ledger: &'a Ledger) -> Self {
        let newest = ledger.releases.iter().rev().find(|(_, release)| !release.failed);
        let release = newest.map_or(0, |(version, _)| *version);
        let build = newest.and_then(|(_, release)| ledger.builds.get(release.build.as_ref()?));
        let running = |_: &_| build.is_some();
        let controllers = ledger.structure.iter().filter(running);
        let controllers = controllers.map(|(proc_type, replicas)| {
            let rule = ledger.autoscale.get(proc_type).filter(|_| *replicas > 0);
            (format!("v{release}-{proc_type}"), rule.map_or(*replicas..=*replicas, |(least, most)| *least..=*most))
        });
        let served = SERVED.into_iter().find(|served| ledger.structure.contains_key(*served));
        Self { release, build, controllers: controllers.collect(), served }
    }
}

/// `2`, or `2 to 8`.
fn number(range: &RangeInclusive<u32>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{} to {}", range.start(), range.end())
    }
}

/// Nothing is left of an app that the ledger does not know.
fn gone(facts: &Facts, found: &mut Vec<String>) {
    let app = &facts.app;
    let acknowledged = &facts.acknowledged;
    if !acknowledged.destroyed && (acknowledged.release > 0 || acknowledged.pushed.is_some()) {
        found.push(format!("the ledger does not know {app}, which nobody has destroyed"));
    }
    if facts.cluster.namespace {
        found.push(format!("namespace {app} is left of an app that is gone"));
    }
    if facts.repository.is_some() {
        found.push(format!("the repository of {app} is left of an app that is gone"));
    }
    for digest in facts.registry.keys() {
        found.push(format!("image {digest} is left of app {app}, which is gone"));
    }
    for (router, answer) in &facts.answers {
        if answer.code.is_none() {
            found.push(format!("router {router} answers {} for app {app}, which is gone", answer.status));
        }
    }
}

/// What somebody was told is done is so.
fn promises(facts: &Facts, ledger: &Ledger, wanted: &Wanted<'_>, found: &mut Vec<String>) {
    let acknowledged = &facts.acknowledged;
    let app = &facts.app;
    if acknowledged.destroyed {
        found.push(format!("{app} was destroyed and is in the ledger"));
    }
    if !ledger.releases.contains_key(&acknowledged.release) && acknowledged.release > 0 {
        found.push(format!("release v{} of {app} was acknowledged and is not in the ledger", acknowledged.release));
    }
    let commit = wanted.build.map_or("", |build| &build.sha);
    if let Some(pushed) = &acknowledged.pushed
        && pushed != commit
        && !acknowledged.broken_off.contains(commit)
    {
        found.push(format!("commit {commit:?} of {app} is deployed, acknowledged was {pushed}"));
    }
    for (key, value) in &acknowledged.config {
        let now = ledger.config.get(key);
        if now != Some(value) {
            found.push(format!("config {key} of {app} was acknowledged as {value:?} and is {now:?}"));
        }
    }
    for (proc_type, replicas) in &acknowledged.structure {
        let now = ledger.structure.get(proc_type).copied().unwrap_or_default();
        if !replicas.contains(&now) {
            found.push(format!("{proc_type} of {app} was scaled to {replicas:?} and is asked for {now} times"));
        }
    }
}

/// Releases are numbered without gaps, and each names a build that is there.
fn history(ledger: &Ledger, found: &mut Vec<String>) {
    for (expected, version) in (1..).zip(ledger.releases.keys()) {
        if expected != *version {
            found.push(format!("after release v{} comes v{version}", expected - 1));
            break;
        }
    }
    for (version, release) in &ledger.releases {
        let missing = release.build.as_ref().filter(|build| !ledger.builds.contains_key(*build));
        if let Some(build) = missing {
            found.push(format!("release v{version} names build {build}, which is not in the ledger"));
        }
    }
}

/// One controller for each process type that is asked for, of the wanted release, and no other.
fn controllers(facts: &Facts, wanted: &Wanted<'_>, found: &mut Vec<String>) {
    let image = wanted.build.map_or("", |build| &build.image);
    for (name, replicas) in &wanted.controllers {
        match facts.cluster.controllers.get(&format!("{}-{name}", facts.app)) {
            None if *replicas.end() == 0 => {}
            None => found.push(format!("there is no ReplicationController {name}")),
            Some(controller) if !replicas.contains(&controller.replicas) => found.push(format!(
                "ReplicationController {name} is set to {} replicas, the ledger asks for {}",
                controller.replicas,
                number(replicas)
            )),
            Some(controller) if controller.image != image => {
                found.push(format!("ReplicationController {name} runs {}, the release {image}", controller.image));
            }
            Some(_) => {}
        }
    }
    for (name, controller) in &facts.cluster.controllers {
        let short = name.strip_prefix(&format!("{}-", facts.app)).unwrap_or(name);
        // A type of the Procfile that nobody has asked for yet waits with no replicas.
        let waits = controller.replicas == 0 && short.starts_with(&format!("v{}-", wanted.release));
        if !wanted.controllers.contains_key(short) && !waits {
            found.push(format!("ReplicationController {short} belongs to nothing that v{} asks for", wanted.release));
        }
    }
}

/// As many ready pods as each controller asks for, and none that belongs to no controller.
fn pods(facts: &Facts, wanted: &Wanted<'_>, found: &mut Vec<String>) {
    let pods = || facts.cluster.pods.iter().filter(|(_, pod)| !pod.canary);
    for (short, replicas) in &wanted.controllers {
        let name = format!("{}-{short}", facts.app);
        let ready = pods().filter(|(_, pod)| pod.ready && pod.controller.as_ref() == Some(&name)).count();
        // Within what an autoscaler may set, all pods that it has asked for.
        let set = facts.cluster.controllers.get(&name).map(|controller| controller.replicas);
        let asked = set.filter(|set| replicas.contains(set)).map_or_else(|| replicas.clone(), |set| set..=set);
        if !u32::try_from(ready).is_ok_and(|ready| asked.contains(&ready)) {
            found.push(format!("{ready} pods of {short} are ready, the ledger asks for {}", number(&asked)));
        }
    }
    // Its ended pod says that the release command has run: as long as it is there nobody runs it again.
    let release_phase = format!("{}-v{}-release", facts.app, wanted.release);
    for (name, pod) in pods() {
        match &pod.controller {
            None if *name == release_phase && !pod.ready => {}
            // Somebody's own command: it is pruned a while after its end.
            None if pod.proc_type == "run" => {}
            Some(controller) if facts.cluster.controllers.contains_key(controller) => {}
            Some(controller) => found.push(format!("pod {name} is left of ReplicationController {controller}")),
            None => found.push(format!("pod {name} of type {} belongs to nothing", pod.proc_type)),
        }
    }
}

/// The Service leads to the ready pods of the served type, and each router says so.
fn serving(facts: &Facts, ledger: &Ledger, wanted: &Wanted<'_>, found: &mut Vec<String>) {
    let Some(service) = &facts.cluster.service else {
        found.push("there is no Service".to_owned());
        return;
    };
    if service.domains != ledger.domains {
        found
            .push(format!("the Service is told of domains {:?}, the ledger has {:?}", service.domains, ledger.domains));
    }
    let is_served = |pod: &&String| {
        facts.cluster.pods.get(*pod).is_some_and(|pod| pod.ready && Some(pod.proc_type.as_str()) == wanted.served)
    };
    let ready = facts.cluster.pods.keys().filter(is_served).cloned().collect::<BTreeSet<_>>();
    if wanted.build.is_some() && service.backends != ready {
        found.push(format!("the Service leads to {:?}, ready are {ready:?}", service.backends));
    }
    for (router, answer) in &facts.answers {
        match (&answer.code, ready.is_empty()) {
            (Some(code), false) => found.push(format!("router {router} answers {} {code}", answer.status)),
            (None, true) => found.push(format!("router {router} answers {} though no pod is ready", answer.status)),
            _ => {}
        }
    }
}

/// Every release that one can roll back to has its image, whole.
fn images(facts: &Facts, ledger: &Ledger, found: &mut Vec<String>) {
    let builds =
        ledger.releases.values().filter(|release| !release.failed).filter_map(|release| release.build.as_ref());
    let builds = builds.collect::<BTreeSet<_>>();
    for image in builds.iter().filter_map(|build| ledger.builds.get(*build)).map(|build| &build.image) {
        let digest = image.rsplit('@').next().unwrap_or_default();
        match facts.registry.get(digest) {
            None => found.push(format!("image {digest} is not in the registry")),
            Some(image) => found.extend(
                image.missing.iter().map(|blob| format!("blob {blob} of image {digest} is not in the registry")),
            ),
        }
    }
}

/// The builds' commits are in the repository, and a branch that is built stands where the deployed commit is.
fn repository(facts: &Facts, ledger: &Ledger, wanted: &Wanted<'_>, found: &mut Vec<String>) {
    let released = ledger.releases.values().filter(|release| !release.failed);
    let commits = released.filter_map(|release| ledger.builds.get(release.build.as_ref()?));
    let commits = commits.map(|build| build.sha.as_str()).filter(|sha| !sha.is_empty()).collect::<BTreeSet<_>>();
    let has = |commit: &str| facts.repository.as_ref().is_some_and(|repository| repository.commits.contains(commit));
    let broken_off = |commit: &str| facts.acknowledged.broken_off.contains(commit);
    for commit in commits.iter().filter(|commit| !has(commit) && !broken_off(commit)) {
        found.push(format!("commit {commit} was deployed and is not in the repository"));
    }
    // A rollback deploys an older commit and moves no branch: then some branch is at a commit that was deployed once.
    let Some(repository) = &facts.repository else { return };
    let heads = repository.refs.iter().filter(|(name, _)| BRANCHES.contains(&name.as_str()));
    for (name, commit) in heads.filter(|(_, commit)| !commits.contains(commit.as_str())) {
        found.push(format!("{name} is at {commit}, which no good release of v{} or before has", wanted.release));
    }
}
