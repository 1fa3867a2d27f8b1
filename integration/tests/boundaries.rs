//! Dependency direction: `boundaries.toml` against `cargo metadata`.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

type Table = BTreeMap<String, BTreeSet<String>>;

#[derive(serde::Deserialize)]
struct Boundaries {
    ours: Table,
    only: Table,
    never: Table,
}

struct Workspace {
    boundaries: Boundaries,
    metadata: Metadata,
}

impl Workspace {
    fn read() -> Self {
        let boundaries = toml::from_str(include_str!("../boundaries.toml")).unwrap();
        // For this platform alone: what other platforms need was never downloaded.
        let options = ["--locked", "--offline", "--filter-platform=x86_64-unknown-linux-gnu"];
        let metadata = MetadataCommand::new().other_options(options.map(str::to_owned)).exec().unwrap();
        Self { boundaries, metadata }
    }

    fn members(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    /// Every package that this one is built from, without what only its tests need.
    fn reaches(&self, package: &Package) -> BTreeSet<String> {
        let nodes = &self.metadata.resolve.as_ref().unwrap().nodes;
        let mut found = BTreeSet::new();
        let mut open: Vec<&PackageId> = vec![&package.id];
        while let Some(id) = open.pop() {
            let node = nodes.iter().find(|node| &node.id == id).unwrap();
            for dependency in &node.deps {
                let is_built = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
                if is_built && found.insert(self.metadata[&dependency.pkg].name.to_string()) {
                    open.push(&dependency.pkg);
                }
            }
        }
        found
    }
}

#[test]
fn packages_of_ours_depend_only_on_those_they_may() {
    let workspace = Workspace::read();
    let ours = workspace.members().iter().map(|package| package.name.to_string()).collect::<BTreeSet<_>>();
    let listed = workspace.boundaries.ours.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(ours, listed, "every package has a line in boundaries.toml, and every line a package");

    for package in workspace.members() {
        let allowed = &workspace.boundaries.ours[package.name.as_str()];
        let dependencies = package.dependencies.iter().map(|dependency| dependency.name.clone());
        let dependencies = dependencies.filter(|name| ours.contains(name)).collect::<BTreeSet<_>>();
        let is_free = allowed.contains("*");
        assert!(
            is_free || *allowed == dependencies,
            "{} may depend on {allowed:?}, not {dependencies:?}",
            package.name
        );
    }
}

#[test]
fn libraries_stay_with_their_owners() {
    let workspace = Workspace::read();
    for package in workspace.members().iter().filter(|package| package.name.as_str() != "deis-integration") {
        for dependency in &package.dependencies {
            if let Some(owners) = workspace.boundaries.only.get(&dependency.name) {
                assert!(owners.contains(package.name.as_str()), "{} may not use {}", package.name, dependency.name);
            }
        }
    }
}

#[test]
fn some_libraries_are_out_of_reach() {
    let workspace = Workspace::read();
    for (name, banned) in &workspace.boundaries.never {
        let package = workspace.members().into_iter().find(|package| package.name.as_str() == name).unwrap();
        let reached = workspace.reaches(package);
        let bad =
            reached.iter().filter(|library| banned.contains("*") || banned.contains(*library)).collect::<Vec<_>>();
        assert!(bad.is_empty(), "{name} must not reach {bad:?}");
    }
}

#[test]
fn versions_stand_in_one_place() {
    let workspace = Workspace::read();
    for package in workspace.members() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        let table: toml::Table = manifest.parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = table.get(section).and_then(toml::Value::as_table) else { continue };
            for (name, value) in dependencies {
                let inherits = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(inherits, "{}: {name} must be `{name}.workspace = true`", package.name);
            }
        }
        assert_eq!(table["lints"]["workspace"].as_bool(), Some(true), "{} must inherit the lints", package.name);
    }
}
