use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// A developer's tool speaks HTTP and nothing else.
const FOREIGN: &[&str] = &["etcd", "k8s", "kube", "libsqlite3", "prost", "redis", "russh", "sqlx", "ssh", "tonic"];

#[test]
fn no_kubernetes_sql_grpc_or_ssh_crate_is_linked() {
    // For this platform alone: what other platforms need was never downloaded.
    let options = ["--locked", "--offline", "--filter-platform=x86_64-unknown-linux-gnu"];
    let metadata = MetadataCommand::new().other_options(options.map(str::to_owned)).exec().unwrap();
    let resolve = metadata.resolve.as_ref().unwrap();
    let deis = metadata.packages.iter().find(|package| package.name.as_str() == "deis").unwrap();

    let mut linked = BTreeSet::from([&deis.id]);
    let mut open = vec![&deis.id];
    while let Some(id) = open.pop() {
        let node = resolve.nodes.iter().find(|node| node.id == *id).unwrap();
        let normal = node
            .deps
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        open.extend(normal.map(|dependency| &dependency.pkg).filter(|id| linked.insert(id)));
    }
    let names = metadata.packages.iter().filter(|package| linked.contains(&package.id));
    let names = names.map(|package| package.name.as_str()).collect::<Vec<_>>();

    assert!(names.contains(&"reqwest"), "the walk found nothing: {names:?}");
    let foreign = names.iter().filter(|name| FOREIGN.iter().any(|prefix| name.starts_with(prefix))).collect::<Vec<_>>();
    assert!(foreign.is_empty(), "{foreign:?}");
}
