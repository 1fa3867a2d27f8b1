mod branches;

use std::collections::BTreeMap;

use proptest::prelude::*;

use self::branches::branch;
use super::read::DRAIN;
use super::*;
use crate::backend::{Choice, Picked};
use crate::table::Host;
use crate::table::facts::Endpoint;

fn key(name: &str) -> ServiceKey {
    ServiceKey { namespace: name.to_owned(), name: name.to_owned() }
}

fn service(name: &str, created: i64, domains: &str) -> Service {
    Service {
        key: key(name),
        created,
        app: Some(name.to_owned()),
        annotations: BTreeMap::from([("domains".to_owned(), domains.to_owned())]),
        port: "http".to_owned(),
        address: Some("10.96.0.1:80".parse().unwrap()),
    }
}

/// A slice whose pods are named by the last byte of their address.
fn slice(name: &str, service: &str, pods: &[u8]) -> Slice {
    let endpoint = |pod: &u8| Endpoint { ip: [10, 1, 0, *pod].into(), pod_uid: Some(format!("pod-{pod}")) };
    Slice {
        name: name.to_owned(),
        service: key(service),
        ports: BTreeMap::from([("http".to_owned(), 5000)]),
        endpoints: pods.iter().map(endpoint).collect(),
    }
}

fn index(events: impl IntoIterator<Item = Event>) -> Index {
    let mut index = Index::new(Some("example.com".parse().unwrap()), Defaults::default());
    for event in events {
        index.apply(event);
    }
    index
}

/// The Service with a drain of these pods.
fn draining(name: &str, created: i64, domains: &str, epoch: i64, pods: &[u8]) -> Service {
    let mut service = service(name, created, domains);
    let leaving = pods.iter().map(|pod| format!("pod-{pod}")).collect();
    service.annotations.insert(DRAIN.to_owned(), Drain { epoch, leaving }.to_string());
    service
}

fn owner(table: &Table, host: &str) -> Option<String> {
    Some(table.route(&Host::parse(host)?)?.key.name.clone())
}

fn addresses(table: &Table, name: &str) -> Vec<String> {
    table.service(&key(name)).unwrap().backends.iter().map(|backend| backend.address().to_string()).collect()
}

#[test]
fn a_service_with_ready_pods_is_served() {
    let index = index([
        Event::Slice(slice("s1", "app", &[2, 1])),
        Event::Service(service("app", 1, "app,www.example.org,*.wild.org")),
        Event::Slice(slice("s2", "app", &[3])),
    ]);
    let table = index.table();
    for host in ["app.example.com", "APP.example.com:8080", "www.example.org.", "any.wild.org"] {
        assert_eq!(owner(&table, host).as_deref(), Some("app"), "{host}");
    }
    for host in ["app", "example.com", "example.org", "two.levels.wild.org", "wild.org", "app.elsewhere.com"] {
        assert_eq!(owner(&table, host), None, "{host}");
    }
    assert_eq!(addresses(&table, "app"), ["10.1.0.1:5000", "10.1.0.2:5000", "10.1.0.3:5000"]);
    assert_eq!((table.hosts(), table.services(), table.backends()), (3, 1, 3));
}

#[test]
fn slices_may_have_ports_of_their_own() {
    let mut other = slice("s2", "app", &[2]);
    other.ports = BTreeMap::from([("http".to_owned(), 8080), ("metrics".to_owned(), 9000)]);
    let mut without = slice("s3", "app", &[3]);
    without.ports.clear();
    let events = [slice("s1", "app", &[1]), other, without].map(Event::Slice);
    let index = index(events.into_iter().chain([Event::Service(service("app", 1, "app"))]));
    assert_eq!(addresses(&index.table(), "app"), ["10.1.0.1:5000", "10.1.0.2:8080"]);
}

#[test]
fn the_older_service_has_the_host() {
    let mut index = index([Event::Service(service("young", 2, "shared.org,own.org"))]);
    assert_eq!(owner(&index.table(), "shared.org").as_deref(), Some("young"));
    index.apply(Event::Service(service("old", 1, "shared.org")));
    assert_eq!(owner(&index.table(), "shared.org").as_deref(), Some("old"));
    assert_eq!(owner(&index.table(), "own.org").as_deref(), Some("young"));
    index.apply(Event::Service(service("old", 1, "other.org")));
    assert_eq!(owner(&index.table(), "shared.org").as_deref(), Some("young"));
    index.apply(Event::ServiceGone(key("young")));
    assert_eq!(owner(&index.table(), "shared.org"), None);
    assert_eq!(index.table().hosts(), 1);
}

#[test]
fn a_wildcard_does_not_cover_an_exact_name() {
    let index =
        index([Event::Service(service("wild", 1, "*.a.org")), Event::Service(service("exact", 2, "www.a.org"))]);
    assert_eq!(owner(&index.table(), "www.a.org").as_deref(), Some("exact"));
    assert_eq!(owner(&index.table(), "else.a.org").as_deref(), Some("wild"));
}

#[test]
fn without_a_platform_domain_a_bare_name_is_any_host_that_begins_with_it() {
    let mut index = Index::new(None, Defaults::default());
    index.apply(Event::Service(service("app", 1, "app")));
    assert_eq!(owner(&index.table(), "app.192.0.2.1.sslip.test").as_deref(), Some("app"));
    assert_eq!(owner(&index.table(), "other.192.0.2.1.sslip.test"), None);
}

#[test]
fn an_ending_pod_leaves_before_its_slice_says_so() {
    let mut index = index([Event::Service(service("app", 1, "app")), Event::Slice(slice("s", "app", &[1, 2]))]);
    assert!(index.apply(Event::Pod("pod-1".to_owned(), true)));
    assert_eq!(addresses(&index.table(), "app"), ["10.1.0.2:5000"]);
    assert!(!index.apply(Event::PodGone("pod-1".to_owned())));
    assert_eq!(addresses(&index.table(), "app"), ["10.1.0.2:5000"]);
    assert!(!index.apply(Event::Slice(slice("s", "app", &[2]))));
    assert!(index.leaving.is_empty(), "nothing is remembered of a pod that is gone");

    // Known to end before any slice names it.
    assert!(!index.apply(Event::Pod("pod-3".to_owned(), true)));
    assert!(!index.apply(Event::Slice(slice("s", "app", &[2, 3]))));
    assert!(!index.apply(Event::PodGone("pod-3".to_owned())));
    assert!(!index.apply(Event::Slice(slice("s", "app", &[2]))));
    assert!(index.leaving.is_empty());
}

#[test]
fn addresses_that_stay_keep_their_connections() {
    let mut index = index([Event::Service(service("app", 1, "app")), Event::Slice(slice("s", "app", &[1, 2]))]);
    let before = index.table();
    index.apply(Event::Slice(slice("s", "app", &[2, 3])));
    let after = index.table();
    let backend = |table: &Table, at: usize| Arc::clone(&table.service(&key("app")).unwrap().backends[at]);
    assert!(Arc::ptr_eq(&backend(&before, 1), &backend(&after, 0)));
    let demand = |table: &Table| Arc::clone(&table.service(&key("app")).unwrap().demand);
    assert!(Arc::ptr_eq(&demand(&before), &demand(&after)), "who waits is told by old pods and new ones");

    // The same address under another pod is another backend.
    let mut reused = slice("s", "app", &[2, 3]);
    reused.endpoints[0].pod_uid = Some("another".to_owned());
    index.apply(Event::Slice(reused));
    assert!(!Arc::ptr_eq(&backend(&after, 0), &backend(&index.table(), 0)));
}

/// What is made anew when one pod goes of one among so many apps: routes, entries of maps, branches of maps.
fn work(apps: usize) -> (usize, usize, usize) {
    let mut index = index([]);
    for app in 0..apps {
        let name = format!("app-{app}");
        index.apply(Event::Service(service(&name, 1, &format!("{name},www.{name}.org"))));
        index.apply(Event::Slice(slice("s", &name, &[1, 2])));
    }
    let (before, snapshot) = (index.table(), index.snapshot());
    assert!(index.apply(Event::Slice(slice("s", "app-3", &[2]))));
    let after = index.table();
    let is_same = |route: &&Arc<Route>| before.service(&route.key).is_some_and(|same| Arc::ptr_eq(same, route));
    let copied = [
        after.services.copied_since(&before.services),
        after.hosts.copied_since(&before.hosts),
        index.slices.copied_since(&snapshot.slices),
        index.services.copied_since(&snapshot.services),
    ];
    let sum = |(entries, branches), (more, others)| (entries + more, branches + others);
    let (entries, branches) = copied.into_iter().fold((0, 0), sum);
    (after.routes().filter(|route| !is_same(route)).count(), entries, branches)
}

/// Work is counted, not timed: what a published table and a snapshot do not share with what comes after.
#[test]
fn a_change_costs_as_much_among_ten_apps_as_among_ten_thousand() {
    for apps in [10, 10_000] {
        let (routes, entries, branches) = work(apps);
        assert_eq!(routes, 1, "{apps} apps");
        // One leaf of each map of Services, two of the map of hosts.
        assert!((1..=64).contains(&entries) && branches <= 16, "{apps} apps: {entries} entries, {branches} branches");
    }
}

/// What is written to the log.
#[derive(Clone, Default)]
struct Log(Arc<parking_lot::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The addresses that are chosen for requests.
fn chosen(table: &Table, avoid: Option<&Arc<Backend>>) -> BTreeSet<String> {
    let route = table.service(&key("app")).unwrap();
    let tried = avoid.map(|failed| Picked::at(failed, usize::MAX).unwrap().tried());
    let choices = (0..200).filter_map(|_| match route.choose(tried.as_ref()) {
        Choice::Picked(picked) => Some(picked.lease.backend().address().ip().to_string()),
        Choice::Full | Choice::Nothing => None,
    });
    choices.collect()
}

#[test]
fn pods_that_are_about_to_be_deleted_are_chosen_when_there_is_nothing_else() {
    let mut index = index([Event::Service(service("app", 1, "app")), Event::Slice(slice("s", "app", &[1, 2, 3]))]);
    let before = index.table();
    assert!(index.apply(Event::Service(draining("app", 1, "app", 7, &[1, 3]))));
    let drained = index.table();
    assert_eq!(chosen(&drained, None), BTreeSet::from(["10.1.0.2".to_owned()]));
    assert_eq!(drained.service(&key("app")).unwrap().epoch, 7);
    assert_eq!(addresses(&drained, "app").len(), 3, "they are still backends");
    let backend = |table: &Table, at: usize| Arc::clone(&table.service(&key("app")).unwrap().backends[at]);
    assert!(Arc::ptr_eq(&backend(&before, 0), &backend(&drained, 1)), "with their connections");

    // The one that stays has just failed.
    let failed = backend(&drained, 0);
    assert_eq!(chosen(&drained, Some(&failed)), BTreeSet::from(["10.1.0.1".to_owned(), "10.1.0.3".to_owned()]));
    index.apply(Event::Service(draining("app", 1, "app", 8, &[1, 2, 3, 4])));
    assert_eq!(chosen(&index.table(), None).len(), 3);

    assert!(index.apply(Event::Service(draining("app", 1, "app", 9, &[]))));
    assert_eq!(picture(&index.table())["app/app"].1, picture(&before)["app/app"].1);
    assert!(index.apply(Event::Service(draining("app", 1, "app", 10, &[4]))), "a new epoch alone is news");
}

#[test]
fn a_drain_that_cannot_be_read_drains_nothing() {
    let mut garbled = draining("app", 1, "app", 7, &[1]);
    let mut index = index([Event::Service(garbled.clone()), Event::Slice(slice("s", "app", &[1, 2]))]);
    garbled.annotations.insert(DRAIN.to_owned(), "pod-1".to_owned());
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        assert!(index.apply(Event::Service(garbled.clone())));
        // Told once, whatever else changes of the Service.
        garbled.created = 2;
        assert!(index.apply(Event::Service(garbled)));
    });
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    assert_eq!(log.matches("an annotation cannot be read").count(), 1, "{log}");
    assert!(log.contains("app/app") && log.contains("drain"), "{log}");
    assert_eq!(chosen(&index.table(), None).len(), 2);
    assert_eq!(index.table().service(&key("app")).unwrap().epoch, 0);
}

#[test]
fn a_table_comes_back_from_what_is_saved() {
    let index = index([
        Event::Service(service("app", 1, "app,www.a.org")),
        Event::Slice(slice("s", "app", &[1, 2])),
        Event::Service(service("other", 2, "www.a.org,other")),
    ]);
    let again = self::index(index.snapshot().saved().into_events());
    assert_eq!(picture(&again.table()), picture(&index.table()));
}

#[test]
fn complete_when_every_watch_is() {
    let mut index = index(Watch::ALL.into_iter().skip(1).map(Event::Complete));
    assert!(!index.is_complete());
    index.apply(Event::Complete(Watch::Services));
    assert!(index.is_complete());
}

/// Everything a table says, comparable.
fn picture(table: &Table) -> BTreeMap<String, (Vec<String>, Vec<String>, usize, i64)> {
    let mut picture = BTreeMap::new();
    for route in table.routes() {
        let held = |rule: &&Arc<str>| table.hosts.get(rule.as_ref()).is_some_and(|held| Arc::ptr_eq(held, route));
        let mut rules = route.rules.iter().filter(held).map(ToString::to_string).collect::<Vec<_>>();
        rules.sort();
        rules.dedup();
        let backends = route.backends.iter().map(|backend| backend.address().to_string()).collect();
        picture.insert(route.key.to_string(), (rules, backends, route.staying, route.epoch));
    }
    picture
}

/// The slice of a Service of the same namespace.
fn of_branch(slice: Slice) -> Slice {
    let service = ServiceKey { name: "branch".to_owned(), ..slice.service };
    Slice { name: "branch".to_owned(), service, ..slice }
}

fn events() -> impl Strategy<Value = Event> {
    let app = prop::sample::select(vec!["a", "b", "c"]);
    let domains =
        prop::sample::select(vec!["a", "b,shared.org", "shared.org,*.w.org", "x.w.org", "", "shared.org,shared.org"]);
    let pods = prop::collection::vec(1_u8..6, 0..4);
    let pod = (1_u8..6).prop_map(|pod| format!("pod-{pod}"));
    let app_with_paths = Just("a");
    prop_oneof![
        (app.clone(), 0_i64..3, domains.clone())
            .prop_map(|(app, created, domains)| Event::Service(service(app, created, domains))),
        (app.clone(), 0_i64..3, domains, 0_i64..3, pods.clone()).prop_map(|(app, created, domains, epoch, pods)| {
            Event::Service(draining(app, created, domains, epoch, &pods))
        }),
        app.clone().prop_map(|app| Event::ServiceGone(key(app))),
        (app.clone(), 0..2, pods.clone()).prop_map(|(app, n, pods)| Event::Slice(slice(
            &format!("{app}{n}"),
            app,
            &pods
        ))),
        (app, 0..2).prop_map(|(app, n)| Event::SliceGone(app.to_owned(), format!("{app}{n}"))),
        (app_with_paths, 0_i64..3, pods.clone()).prop_map(|(app, epoch, pods)| {
            let leaving = draining("", 1, "", epoch, &pods).annotations.into_iter().filter(|(name, _)| name == DRAIN);
            let mut branch = branch("branch", app, "/x");
            branch.annotations.extend(leaving);
            Event::Service(branch)
        }),
        (app_with_paths, pods).prop_map(|(app, pods)| Event::Slice(of_branch(slice("s", app, &pods)))),
        app_with_paths.prop_map(|app| Event::ServiceGone(of_branch(slice("s", app, &[])).service)),
        (pod.clone(), any::<bool>()).prop_map(|(uid, ending)| Event::Pod(uid, ending)),
        pod.prop_map(Event::PodGone),
    ]
}

proptest! {
    /// However it got there, the table is the one that a fresh start from the last state would make; and what `apply` says about a
    /// change is true.
    #[test]
    fn history_does_not_matter(history in prop::collection::vec(events(), 0..60)) {
        let mut index = index([]);
        let mut published = index.table();
        for event in &history {
            let changed = index.apply(event.clone());
            let table = index.table();
            if !changed {
                prop_assert_eq!(picture(&table), picture(&published));
            }
            published = table;
        }
        let ending = index.leaving.keys().map(|uid| Event::Pod(uid.clone(), true));
        let again = self::index(index.snapshot().saved().into_events().chain(ending));
        prop_assert_eq!(picture(&again.table()), picture(&published));
        let backends = published.routes().map(|route| route.backends.len()).sum::<usize>();
        prop_assert_eq!(published.backends(), backends);
        let rules = index.claims.values().filter(|claims| !claims.is_empty()).count();
        prop_assert_eq!(published.hosts(), rules);
        prop_assert_eq!(index.claims.len(), rules);
    }
}
