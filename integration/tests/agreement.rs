//! A platform that agrees, and damage of each kind to it: each is found, and by its own sentence.

#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use deis_integration::agreement::{
    Acknowledged, Answer, Build, Cluster, Controller, Facts, Image, Ledger, Pod, Release, Repository, Service,
    disagreements,
};

const DIGEST: &str = "sha256:bb";

/// App `shop`: three releases, of which the last but one failed; v4 runs with two web processes and a worker.
fn well() -> Facts {
    let build = |image: &str, sha: &str| Build { image: format!("127.0.0.1:5555/shop@{image}"), sha: sha.to_owned() };
    let release = |build: Option<&str>, failed| Release { failed, build: build.map(ToOwned::to_owned) };
    let pod = |controller: &str, proc_type: &str| Pod {
        controller: Some(format!("shop-{controller}")),
        proc_type: proc_type.to_owned(),
        ready: true,
        canary: false,
    };
    let controller = |replicas| Controller { replicas, image: format!("127.0.0.1:5555/shop@{DIGEST}") };
    Facts {
        app: "shop".to_owned(),
        ledger: Some(Ledger {
            structure: [("web".to_owned(), 2), ("worker".to_owned(), 1), ("clock".to_owned(), 0)].into(),
            autoscale: [].into(),
            domains: ["shop".to_owned()].into(),
            releases: [
                (1, release(None, false)),
                (2, release(Some("first"), false)),
                (3, release(Some("broken"), true)),
                (4, release(Some("second"), false)),
            ]
            .into(),
            builds: [
                ("first".to_owned(), build("sha256:aa", "aaaa")),
                ("broken".to_owned(), build("", "cccc")),
                ("second".to_owned(), build(DIGEST, "bbbb")),
            ]
            .into(),
            config: [("COLOUR".to_owned(), "blue".to_owned())].into(),
        }),
        cluster: Cluster {
            namespace: true,
            service: Some(Service {
                domains: ["shop".to_owned()].into(),
                backends: ["shop-v4-web-1".to_owned(), "shop-v4-web-2".to_owned()].into(),
            }),
            controllers: [("shop-v4-web".to_owned(), controller(2)), ("shop-v4-worker".to_owned(), controller(1))]
                .into(),
            pods: [
                ("shop-v4-web-1".to_owned(), pod("v4-web", "web")),
                ("shop-v4-web-2".to_owned(), pod("v4-web", "web")),
                ("shop-v4-worker-1".to_owned(), pod("v4-worker", "worker")),
            ]
            .into(),
        },
        repository: Some(Repository {
            refs: [("refs/heads/master".to_owned(), "bbbb".to_owned())].into(),
            commits: ["aaaa".to_owned(), "bbbb".to_owned()].into(),
        }),
        registry: [("sha256:aa".to_owned(), Image::default()), (DIGEST.to_owned(), Image::default())].into(),
        answers: [
            ("router-1".to_owned(), Answer { status: 200, code: None }),
            ("router-2".to_owned(), Answer { status: 200, code: None }),
        ]
        .into(),
        acknowledged: Acknowledged {
            pushed: Some("bbbb".to_owned()),
            config: [("COLOUR".to_owned(), "blue".to_owned())].into(),
            structure: [("web".to_owned(), [2].into())].into(),
            release: 4,
            ..Acknowledged::default()
        },
    }
}

fn ledger(facts: &mut Facts) -> &mut Ledger {
    facts.ledger.as_mut().unwrap()
}

/// What was done, and the one sentence that tells it.
type Damage = (fn(&mut Facts), &'static str);

const DAMAGES: &[Damage] = &[
    (|facts| facts.acknowledged.destroyed = true, "shop was destroyed and is in the ledger"),
    (|facts| facts.acknowledged.release = 5, "release v5 of shop was acknowledged and is not in the ledger"),
    (
        |facts| facts.acknowledged.pushed = Some("dddd".to_owned()),
        "commit \"bbbb\" of shop is deployed, acknowledged was dddd",
    ),
    (
        |facts| {
            let _before = ledger(facts).config.remove("COLOUR");
        },
        "config COLOUR of shop was acknowledged as \"blue\" and is None",
    ),
    (
        |facts| facts.acknowledged.structure = [("web".to_owned(), [3].into())].into(),
        "web of shop was scaled to {3} and is asked for 2 times",
    ),
    (
        |facts| {
            let _before = ledger(facts).releases.remove(&2);
        },
        "after release v1 comes v3",
    ),
    (
        |facts| {
            let _before = ledger(facts).builds.remove("broken");
        },
        "release v3 names build broken, which is not in the ledger",
    ),
    (
        |facts| {
            facts.cluster.controllers.remove("shop-v4-worker");
            facts.cluster.pods.get_mut("shop-v4-worker-1").unwrap().controller = Some("shop-v4-web".to_owned());
            facts.cluster.pods.remove("shop-v4-web-2");
            facts.cluster.service.as_mut().unwrap().backends.remove("shop-v4-web-2");
            ledger(facts).structure.insert("worker".to_owned(), 0);
            ledger(facts).structure.insert("clock".to_owned(), 1);
        },
        "there is no ReplicationController v4-clock\n0 pods of v4-clock are ready, the ledger asks for 1",
    ),
    (
        |facts| facts.cluster.controllers.get_mut("shop-v4-web").unwrap().replicas = 3,
        "ReplicationController v4-web is set to 3 replicas, the ledger asks for 2",
    ),
    (
        |facts| {
            let _before = ledger(facts).autoscale.insert("web".to_owned(), (3, 8));
        },
        "ReplicationController v4-web is set to 2 replicas, the ledger asks for 3 to 8\n\
         2 pods of v4-web are ready, the ledger asks for 3 to 8",
    ),
    (
        |facts| {
            let _before = ledger(facts).autoscale.insert("web".to_owned(), (1, 8));
            facts.cluster.controllers.get_mut("shop-v4-web").unwrap().replicas = 3;
        },
        "2 pods of v4-web are ready, the ledger asks for 3",
    ),
    (
        |facts| facts.cluster.controllers.get_mut("shop-v4-web").unwrap().image = "another".to_owned(),
        "ReplicationController v4-web runs another, the release 127.0.0.1:5555/shop@sha256:bb",
    ),
    (
        |facts| {
            let _before = facts.cluster.controllers.insert("shop-v2-web".to_owned(), Controller::default());
        },
        "ReplicationController v2-web belongs to nothing that v4 asks for",
    ),
    (
        |facts| facts.cluster.pods.get_mut("shop-v4-worker-1").unwrap().ready = false,
        "0 pods of v4-worker are ready, the ledger asks for 1",
    ),
    (
        |facts| {
            let orphan = Pod { controller: Some("shop-v3-worker".to_owned()), ..Pod::default() };
            facts.cluster.pods.insert("shop-v3-worker-1".to_owned(), orphan);
        },
        "pod shop-v3-worker-1 is left of ReplicationController shop-v3-worker",
    ),
    (
        |facts| {
            let build = Pod { proc_type: "build".to_owned(), ..Pod::default() };
            facts.cluster.pods.insert("shop-build-1".to_owned(), build);
        },
        "pod shop-build-1 of type build belongs to nothing",
    ),
    (
        |facts| {
            let phase = Pod { proc_type: "release".to_owned(), ..Pod::default() };
            facts.cluster.pods.insert("shop-v4-release".to_owned(), phase.clone());
            facts.cluster.pods.insert("shop-v2-release".to_owned(), phase);
        },
        "pod shop-v2-release of type release belongs to nothing",
    ),
    (
        |facts| {
            let phase = Pod { proc_type: "release".to_owned(), ready: true, ..Pod::default() };
            facts.cluster.pods.insert("shop-v4-release".to_owned(), phase);
        },
        "pod shop-v4-release of type release belongs to nothing",
    ),
    (|facts| facts.cluster.service = None, "there is no Service"),
    (
        |facts| {
            let _before = ledger(facts).domains.insert("shop.example.com".to_owned());
        },
        "the Service is told of domains {\"shop\"}, the ledger has {\"shop\", \"shop.example.com\"}",
    ),
    (
        |facts| {
            let _before = facts.cluster.service.as_mut().unwrap().backends.insert("shop-v2-web-1".to_owned());
        },
        "the Service leads to {\"shop-v2-web-1\", \"shop-v4-web-1\", \"shop-v4-web-2\"}, \
         ready are {\"shop-v4-web-1\", \"shop-v4-web-2\"}",
    ),
    (
        |facts| {
            let answer = Answer { status: 404, code: Some("unknown-host".to_owned()) };
            facts.answers.insert("router-2".to_owned(), answer);
        },
        "router router-2 answers 404 unknown-host",
    ),
    (
        |facts| {
            let _before = facts.registry.remove("sha256:aa");
        },
        "image sha256:aa is not in the registry",
    ),
    (
        |facts| {
            let _before = facts.registry.get_mut(DIGEST).unwrap().missing.insert("sha256:11".to_owned());
        },
        "blob sha256:11 of image sha256:bb is not in the registry",
    ),
    (
        |facts| {
            let _before = facts.repository.as_mut().unwrap().commits.remove("aaaa");
        },
        "commit aaaa was deployed and is not in the repository",
    ),
    (
        |facts| {
            let refs = &mut facts.repository.as_mut().unwrap().refs;
            refs.insert("refs/heads/master".to_owned(), "cccc".to_owned());
        },
        "refs/heads/master is at cccc, which no good release of v4 or before has",
    ),
    (
        |facts| facts.ledger = None,
        "the ledger does not know shop, which nobody has destroyed\n\
         namespace shop is left of an app that is gone\n\
         the repository of shop is left of an app that is gone\n\
         image sha256:aa is left of app shop, which is gone\n\
         image sha256:bb is left of app shop, which is gone\n\
         router router-1 answers 200 for app shop, which is gone\n\
         router router-2 answers 200 for app shop, which is gone",
    ),
];

#[test]
fn an_app_at_rest_has_none() {
    assert_eq!(disagreements(&well()), [""; 0]);
}

#[test]
fn each_damage_is_found_and_nothing_else() {
    for (damage, sentence) in DAMAGES {
        let mut facts = well();
        damage(&mut facts);
        assert_eq!(disagreements(&facts).join("\n"), *sentence);
    }
}

#[test]
fn what_may_be_so_is_none() {
    let harmless: [fn(&mut Facts); 6] = [
        // Somebody looks at a pod on purpose.
        |facts| {
            let canary = Pod { proc_type: "web".to_owned(), ready: true, canary: true, controller: None };
            facts.cluster.pods.insert("shop-v4-web-3".to_owned(), canary);
            facts.cluster.service.as_mut().unwrap().backends.insert("shop-v4-web-3".to_owned());
        },
        // A push broke off after the controller had its build.
        |facts| {
            facts.acknowledged.pushed = Some("aaaa".to_owned());
            facts.acknowledged.broken_off.insert("bbbb".to_owned());
            let repository = facts.repository.as_mut().unwrap();
            repository.commits.remove("bbbb");
            repository.refs.insert("refs/heads/master".to_owned(), "aaaa".to_owned());
        },
        // An autoscaler has set another number than it went on from.
        |facts| {
            ledger(facts).structure.insert("web".to_owned(), 5);
            let _before = ledger(facts).autoscale.insert("web".to_owned(), (1, 8));
            facts.acknowledged.structure.clear();
        },
        // It is scaled to nothing, whatever an autoscaler would do.
        |facts| {
            let _before = ledger(facts).autoscale.insert("web".to_owned(), (1, 8));
            ledger(facts).structure = [("web".to_owned(), 0)].into();
            facts.acknowledged.structure.clear();
            facts.cluster.controllers.clear();
            facts.cluster.pods.clear();
            facts.cluster.service.as_mut().unwrap().backends.clear();
            for answer in facts.answers.values_mut() {
                *answer = Answer { status: 503, code: Some("no-backends".to_owned()) };
            }
        },
        // The same, and the controllers are left with nothing.
        |facts| {
            ledger(facts).structure = [("web".to_owned(), 0)].into();
            facts.acknowledged.structure.clear();
            facts.cluster.controllers.values_mut().for_each(|controller| controller.replicas = 0);
            facts.cluster.pods.clear();
            facts.cluster.service.as_mut().unwrap().backends.clear();
            for answer in facts.answers.values_mut() {
                *answer = Answer { status: 503, code: Some("no-backends".to_owned()) };
            }
        },
        // It was destroyed, and all is gone.
        |facts| {
            let app = std::mem::take(&mut facts.app);
            let acknowledged = Acknowledged { destroyed: true, ..Acknowledged::default() };
            *facts = Facts { app, acknowledged, ..Facts::default() };
        },
    ];
    for change in harmless {
        let mut facts = well();
        change(&mut facts);
        assert_eq!(disagreements(&facts), [""; 0]);
    }
}
