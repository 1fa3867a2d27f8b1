//! What a route needs, with everything that the table keeps of it. In a process of its own, for all of its memory counts.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::collections::BTreeMap;

use deis_router::table::facts::{Endpoint, Event, Service, Slice};
use deis_router::table::{Defaults, Index, ServiceKey};

const ROUTES: u32 = 20_000;

/// Bytes of memory that are in use.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// It was 7,492 bytes with trees for what is nearly always one.
#[test]
fn a_route_needs_a_few_kilobytes() {
    let mut index = Index::new(Some("example.com".parse().unwrap()), Defaults::default());
    let before = resident();
    for number in 0..ROUTES {
        let name = format!("app-{number}");
        let key = ServiceKey { namespace: name.clone(), name: name.clone() };
        index.apply(Event::Service(Service {
            key: key.clone(),
            created: 1,
            app: Some(name.clone()),
            annotations: BTreeMap::from([("domains".to_owned(), name.clone())]),
            port: "http".to_owned(),
            address: Some("10.96.0.1:80".parse().unwrap()),
        }));
        let pod_uid = Some(format!("0a4b2c11-8a5e-4a41-9a22-{number:012}"));
        index.apply(Event::Slice(Slice {
            name: format!("{name}-abcde"),
            service: key,
            ports: BTreeMap::from([("http".to_owned(), 5000)]),
            endpoints: vec![Endpoint { ip: std::net::Ipv4Addr::from(number).into(), pod_uid }],
        }));
    }
    let each = (resident() - before) / usize::try_from(ROUTES).unwrap();
    println!("{each} bytes");
    assert_eq!(index.table().backends(), usize::try_from(ROUTES).unwrap());
    assert!(each <= 5500, "{each} bytes");
}
