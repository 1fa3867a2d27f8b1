use super::*;

/// A Service of the app's namespace that has some of its paths.
pub(super) fn branch(name: &str, app: &str, pattern: &str) -> Service {
    let mut service = service(name, 2, "");
    service.key.namespace = app.to_owned();
    let annotations = [("proxyDomain", app), ("proxyLocations", pattern)];
    service.annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    service
}

#[test]
fn a_service_can_have_paths_of_another_one() {
    let answers = |index: &Index, path: &str| {
        let table = index.table();
        let route = table.route(&Host::parse("app.example.com").unwrap()).unwrap();
        table.below(route, path).key.name.clone()
    };
    // The branch may come first.
    let mut index = index([Event::Service(branch("app-api", "app", "/api")), Event::Service(service("app", 1, "app"))]);
    assert_eq!(
        ["/", "/api", "/api/v2", "/v2/api"].map(|path| answers(&index, path)),
        ["app", "app-api", "app-api", "app"]
    );
    assert_eq!((index.table().hosts(), index.table().services()), (1, 2), "it has no host of its own");

    assert!(index.apply(Event::Service(branch("app-admin", "app", "/api/admin"))));
    assert_eq!(
        ["/api", "/api/admin/x"].map(|path| answers(&index, path)),
        ["app-api", "app-admin"],
        "the longest first"
    );
    assert!(index.apply(Event::Service(branch("app-admin", "app", "/a"))));
    assert_eq!(["/api/admin", "/about"].map(|path| answers(&index, path)), ["app-api", "app-admin"]);
    assert!(index.apply(Event::Service(branch("app-api", "another", "/api"))));
    assert_eq!(answers(&index, "/api"), "app-api", "the one of another namespace is another one");
    let gone = |name: &str| Event::ServiceGone(ServiceKey { namespace: "app".to_owned(), name: name.to_owned() });
    assert!(index.apply(gone("app-api")));
    assert_eq!(answers(&index, "/api"), "app-admin");
    assert!(index.apply(gone("app-admin")));
    assert_eq!(answers(&index, "/api"), "app");
    // What cannot be read, or names itself, has nothing.
    index.apply(Event::Service(branch("app-api", "app", "(")));
    assert_eq!(answers(&index, "/api"), "app");
    index.apply(gone("app-api"));
    index.apply(Event::ServiceGone(ServiceKey { namespace: "another".to_owned(), name: "app-api".to_owned() }));
    assert!(index.branches.is_empty(), "{:?}", index.branches);
}

/// The pods that stay, of those of the Service that has paths of the app.
fn staying(index: &Index) -> Vec<String> {
    let key = ServiceKey { name: "app-api".to_owned(), ..key("app") };
    let route = Arc::clone(index.table().service(&key).unwrap());
    route.backends.iter().take(route.staying).map(|backend| backend.address().ip().to_string()).collect()
}

#[test]
fn a_service_with_paths_goes_by_the_drain_of_the_one_that_it_has_them_of() {
    let mut slice = slice("s", "app", &[1, 2, 3]);
    slice.service.name = "app-api".to_owned();
    let mut index = index([Event::Slice(slice), Event::Service(branch("app-api", "app", "/api"))]);
    assert_eq!(staying(&index).len(), 3);
    assert!(index.apply(Event::Service(draining("app", 1, "app", 7, &[1]))));
    assert_eq!(staying(&index), ["10.1.0.2", "10.1.0.3"]);
    // What it says itself holds too.
    let mut own = branch("app-api", "app", "/api");
    own.annotations.insert(DRAIN.to_owned(), Drain { epoch: 1, leaving: ["pod-2".to_owned()].into() }.to_string());
    assert!(index.apply(Event::Service(own)));
    assert_eq!(staying(&index), ["10.1.0.3"]);
    let mut elsewhere = branch("app-api", "app", "/api");
    elsewhere.annotations.insert("proxyDomain".to_owned(), "another".to_owned());
    assert!(index.apply(Event::Service(elsewhere)));
    assert_eq!(staying(&index).len(), 3);
    index.apply(Event::Service(branch("app-api", "app", "/api")));
    assert_eq!(staying(&index), ["10.1.0.2", "10.1.0.3"]);
    assert!(index.apply(Event::ServiceGone(key("app"))));
    assert_eq!(staying(&index).len(), 3);
}
