use std::collections::BTreeMap;

use deis_api::Hostname;
use deis_kube::apply::Seen;
use deis_kube::objects::Routing;

use super::*;
use crate::deploy::no_node::NoNode;
use crate::deploy::probe::Unhealthy;
use crate::deploy::world::{Budget, Record};

/// One row: an app as it is.
struct Row {
    app: App,
    assignment: Assignment,
    newest: Release,
    world: World,
    is_served: bool,
    is_protected: bool,
}

fn now() -> Timestamp {
    at("01:00:00")
}

fn at(time: &str) -> Timestamp {
    format!("2026-01-01T{time}Z").parse().unwrap()
}

fn version(number: i64) -> ReleaseVersion {
    number.try_into().unwrap()
}

fn web() -> ProcType {
    ProcType::web()
}

impl Row {
    /// v2 of an app with this many web pods, all of which serve.
    fn serving(replicas: u32) -> Self {
        let app = App {
            uuid: uuid::Uuid::nil(),
            id: "shop".parse().unwrap(),
            owner: "bob".parse().unwrap(),
            collaborators: [].into(),
            structure: BTreeMap::new(),
            procfile: BTreeMap::new(),
            desired_release: version(2),
            settings: Default::default(),
            autoscaled: BTreeMap::new(),
            allow_root: false,
            destroying: None,
            created: at("00:00:00"),
            updated: at("00:00:00"),
        };
        let assignment = Assignment {
            routing: Routing { domains: [Hostname::from(&app.id)].into(), ..Routing::default() },
            release: version(2),
            deploying: false,
            image: Some("127.0.0.1:5555/shop@sha256:00".to_owned()),
            processes: [(web(), replicas)].into(),
            created: at("00:59:20"),
            ..Assignment::bare(app.id.as_str())
        };
        let world = World { controllers: vec![controller(2, web(), replicas)], ..World::default() };
        Self {
            app,
            assignment,
            newest: release(2, ReleaseState::Good, None),
            world,
            is_served: true,
            is_protected: true,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn pod(&mut self, number: usize) -> &mut Pod {
        &mut self.world.controllers[0].pods[number]
    }

    /// The pods with these numbers are not ready since five minutes.
    fn troubled(mut self, numbers: impl IntoIterator<Item = usize>, trouble: &Trouble) -> Self {
        for number in numbers {
            let pod = self.pod(number);
            (pod.ready, pod.reachable, pod.trouble) = (false, false, Some(trouble.clone()));
            pod.record.since = Some(at("00:55:00"));
        }
        self
    }

    fn explained(&self) -> Explanation {
        let running = self
            .assignment
            .goal(&self.world)
            .processes
            .into_iter()
            .filter(|(_, count)| *count > 0 && self.is_protected);
        let budgets = running.map(|(proc_type, _)| {
            let (name, uid, resource_version) = (format!("shop-{proc_type}"), String::new(), String::new());
            Budget { seen: Seen { name, uid, resource_version, fence: 1 }, proc_type, is_right: true }
        });
        let world = World { budgets: budgets.collect(), ..self.world.clone() };
        explain(&Facts {
            app: &self.app,
            assignment: &self.assignment,
            newest: Some(&self.newest),
            world: &world,
            is_served: self.is_served,
            now: now(),
        })
    }

    /// All of it that a person reads, on lines.
    fn told(&self) -> String {
        let Explanation { state, headline, problems, .. } = self.explained();
        let problems = problems.into_iter().map(|problem| {
            let mut facts = problem.pod.into_iter().collect::<Vec<_>>();
            facts.extend((problem.others > 0).then(|| format!("+{}", problem.others)));
            facts.extend(problem.probe.map(|probe| format!("{probe} probe")));
            facts.extend((problem.restarts > 0).then(|| format!("{} restarts", problem.restarts)));
            facts.extend(problem.since.map(|since| format!("since {since}")));
            facts.extend(problem.last_lines);
            let Cause { code, sentence, next } = problem.cause;
            format!("\n  {code}: {sentence}\n    [{}]\n    {next}", facts.join(", "))
        });
        format!("{state}: {headline}{}", problems.collect::<String>())
    }
}

fn controller(release: i64, kind: ProcType, replicas: u32) -> Controller {
    let name = format!("shop-v{release}-{kind}");
    let pods = (0..replicas).map(|number| Pod {
        name: format!("{name}-{number}"),
        uid: format!("{name}-{number}"),
        ready: true,
        routed: kind == web(),
        reachable: true,
        draining: false,
        trouble: None,
        record: Record { since: Some(at("00:30:00")), ..Record::default() },
    });
    let pods = pods.collect();
    let seen = Seen { uid: name.clone(), name, resource_version: "1".to_owned(), fence: 1 };
    Controller { seen, version: version(release), proc_type: kind, replicas, pods, refusal: None }
}

fn release(number: i64, state: ReleaseState, failure: Option<(Code, String)>) -> Release {
    Release {
        uuid: uuid::Uuid::nil(),
        version: version(number),
        owner: "bob".parse().unwrap(),
        summary: String::new(),
        state,
        log_tail: if failure.is_some() { vec!["panic: no database".to_owned()] } else { Vec::new() },
        failure,
        config: uuid::Uuid::nil(),
        build: None,
        created: at("00:50:00"),
        updated: at("00:51:00"),
    }
}

fn crash() -> Trouble {
    Trouble::Exited { code: 1, times: 4, after: Some(0) }
}

fn startup() -> Trouble {
    let found = "Startup probe failed: dial tcp 10.0.0.7:5000: connect: connection refused";
    Trouble::Unready { probe: Probe::Startup, found: Unhealthy::parse(found, now()) }
}

#[test]
fn an_app_that_is_well_has_nothing_to_explain() {
    insta::assert_snapshot!(Row::serving(3).told(), @"up: shop serves: 3 of 3 web pods are ready.");
    let worker = Row::serving(0).with(|row| {
        let kind = "worker".parse::<ProcType>().unwrap();
        row.assignment.processes = [(kind.clone(), 1)].into();
        row.world.controllers = vec![controller(2, kind, 1)];
    });
    insta::assert_snapshot!(worker.told(), @"up: shop works: 1 of 1 worker pod is ready.");
}

/// Everything that can be the matter, one app each.
#[test]
fn whatever_is_the_matter_is_told_with_what_to_do() {
    let failed = || Some((Code::ProcessExited, "The process web ended 2 times. Its last lines say why.".to_owned()));
    let rows = [
        ("no build", Row::serving(0).with(|row| {
            row.assignment.image = None;
            row.world = World::default();
        })),
        ("the first push failed", Row::serving(0).with(|row| {
            (row.assignment.image, row.world) = (None, World::default());
            row.assignment.release = version(1);
            row.newest = release(2, ReleaseState::Failed, failed());
        })),
        ("scaled to 0", Row::serving(0)),
        ("scaled to 0, but a worker", Row::serving(0).with(|row| {
            let kind = "worker".parse::<ProcType>().unwrap();
            row.assignment.processes.insert(kind.clone(), 1);
            row.world.controllers.push(controller(2, kind, 1));
        })),
        ("all crash", Row::serving(2).troubled([0, 1], &crash()).with(|row| {
            row.pod(0).record = Record {
                since: Some(at("00:55:00")), restarts: 3, ended: None, last_lines: vec!["panic: no database".to_owned()],
            };
        })),
        ("one crashes while others serve", Row::serving(3).troubled([1], &crash())),
        ("slow to start", Row::serving(2).troubled([1], &startup()).with(|row| {
            row.pod(1).record.since = Some(at("00:59:20"));
        })),
        ("too slow to start", Row::serving(1).troubled([0], &startup())),
        ("no room", Row::serving(2).troubled([1], &Trouble::Unschedulable(NoNode::parse(
            "0/1 nodes are available: 1 Insufficient memory. preemption: none",
        )))),
        ("quota", Row::serving(2).with(|row| {
            row.world.controllers[0].pods.pop();
            row.world.controllers[0].refusal = Some(
                "pods \"x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4".to_owned(),
            );
        })),
        ("pods are missing", Row::serving(2).with(|row| drop(row.world.controllers[0].pods.pop()))),
        ("the first deploy", Row::serving(1).troubled([0], &startup()).with(|row| {
            row.assignment.deploying = true;
            row.pod(0).record.since = Some(at("00:59:58"));
        })),
        ("a deploy while the old one serves", Row::serving(1).troubled([0], &startup()).with(|row| {
            row.assignment.deploying = true;
            row.pod(0).record.since = Some(at("00:59:58"));
            row.world.controllers.push(controller(1, web(), 1));
        })),
        ("the newest failed", Row::serving(1).with(|row| row.newest = release(3, ReleaseState::Failed, failed()))),
        ("the failed one goes", Row::serving(2).with(|row| {
            row.newest = release(3, ReleaseState::Failed, failed());
            row.world.controllers[0].pods.pop();
            row.world.controllers.push(controller(3, web(), 0));
        })),
        ("no domain", Row::serving(1).with(|row| row.assignment.routing.domains.clear())),
        ("routing switched off", Row::serving(1).with(|row| row.assignment.routing.rules.routable = false)),
        ("in maintenance", Row::serving(1).with(|row| row.assignment.routing.rules.maintenance = Some(true))),
        ("not in maintenance any more", Row::serving(1).with(|row| row.assignment.routing.rules.maintenance = Some(false))),
        ("unknown to a router", Row::serving(2).with(|row| row.pod(0).reachable = false)),
        ("started again", Row::serving(1).with(|row| {
            row.pod(0).trouble = Some(Trouble::OutOfMemory);
            row.pod(0).record.restarts = 1;
            row.pod(0).record.ended = Some(at("00:56:00"));
        })),
        ("a restart", Row::serving(2).with(|row| {
            row.assignment.unsettled = Some(7);
            row.assignment.restarting = ["shop-v2-web-0".to_owned()].into();
        })),
        ("scaled just now", Row::serving(2).with(|row| {
            row.assignment.unsettled = Some(7);
            row.assignment.processes.insert(web(), 3);
        })),
        ("scaled by hand", Row::serving(3).with(|row| row.assignment.processes = [(web(), 2)].into())),
        ("deleted by hand", Row::serving(1).with(|row| row.world = World::default())),
        ("the Service changed by hand", Row::serving(1).with(|row| row.is_served = false)),
        ("the disruption budget deleted by hand", Row::serving(1).with(|row| row.is_protected = false)),
        ("a worker crashes", Row::serving(1).with(|row| {
            let kind = "worker".parse::<ProcType>().unwrap();
            row.assignment.processes.insert(kind.clone(), 1);
            let mut worker = controller(2, kind, 1);
            (worker.pods[0].ready, worker.pods[0].trouble) = (false, Some(crash()));
            row.world.controllers.push(worker);
        })),
        ("being destroyed", Row::serving(1).with(|row| row.app.destroying = Some(at("00:59:00")))),
    ];
    let told = rows.map(|(what, row)| format!("### {what}\n{}\n", row.told()));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_cannot_mend_comes_before_what_takes_its_time() {
    let row = Row::serving(3).troubled([0], &startup()).troubled([2], &crash()).with(|row| {
        row.pod(0).record.since = Some(at("00:59:58"));
    });
    let codes = row.explained().problems.into_iter().map(|problem| problem.cause.code).collect::<Vec<_>>();
    assert_eq!(codes, [Code::ProcessExited, Code::Starting]);
}
