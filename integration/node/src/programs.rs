//! The programs of `upstream/`, built once per version into a cache outside the checkout.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::exec;

/// What is built: the commands of the module itself, and helm, which it names as a tool.
const PACKAGES: [&str; 2] = ["./cmd/...", "helm.sh/helm/v3/cmd/helm"];

/// The module's folder in this checkout.
fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../upstream")
}

/// Builds the programs if the cache does not hold them yet; returns their folder, which is fit for `PATH`.
///
/// Cold this compiles Kubernetes: several minutes. A build that is cut short leaves no half-filled folder: the programs
/// appear in the cache by one rename.
pub async fn ensure_built() -> Result<PathBuf> {
    let source = source();
    let go = exec::output_in(&source, "go", &["env", "GOVERSION"]).await.context("is Go installed?")?;
    let folder = cache()?.join("upstream").join(key(&source, go.trim())?);
    if folder.exists() {
        return Ok(folder);
    }
    let partial = folder.with_extension(format!("partial-{}", std::process::id()));
    fs::create_dir_all(&partial).with_context(|| format!("making {}", partial.display()))?;
    build(&source, &partial).await?;
    std::os::unix::fs::symlink("kube", partial.join("kubectl"))?;
    match fs::rename(&partial, &folder) {
        // Somebody else was faster with the same programs.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => fs::remove_dir_all(&partial)?,
        other => other.with_context(|| format!("moving the programs to {}", folder.display()))?,
    }
    Ok(folder)
}

async fn build(source: &Path, target: &Path) -> Result<()> {
    let modules = exec::output_in(source, "go", &["list", "-m", "-f", "{{.Path}} {{.Version}}", "all"]).await?;
    let versions = modules.lines().filter_map(|line| line.split_once(' ')).collect();
    let target = target.to_string_lossy();
    let flags = linker_flags(&versions)?;
    let args = [&["build", "-trimpath", "-ldflags", &flags, "-o", &target], PACKAGES.as_slice()].concat();
    exec::build(source, "go", &args, &[("CGO_ENABLED", "0")]).await.context("building upstream/")
}

/// What the programs answer when asked for their version, from the versions in `go.mod`, the only place that names them.
fn linker_flags(versions: &BTreeMap<&str, &str>) -> Result<String> {
    let version =
        |module: &str| versions.get(module).copied().with_context(|| format!("go.mod does not name {module}"));
    let kubernetes = version("k8s.io/kubernetes")?;
    let mut numbers = kubernetes.trim_start_matches('v').split('.');
    let (major, minor) = numbers.next().zip(numbers.next()).with_context(|| format!("no version: {kubernetes}"))?;
    let values = [
        ("k8s.io/component-base/version.gitVersion", kubernetes),
        ("k8s.io/component-base/version.gitMajor", major),
        ("k8s.io/component-base/version.gitMinor", minor),
        // The cluster that `helm template` and `helm lint` assume.
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor", major),
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", minor),
        ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor", major),
        ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor", minor),
        ("helm.sh/helm/v3/internal/version.version", version("helm.sh/helm/v3")?),
        (
            "github.com/distribution/distribution/v3/version.version",
            version("github.com/distribution/distribution/v3")?,
        ),
    ];
    let values = values.map(|(name, value)| format!("-X {name}={value}"));
    Ok(format!("-s -w {}", values.join(" ")))
}

/// A name for what would be built: 16 hexadecimal digits over every file of the module and Go's own version.
fn key(source: &Path, go: &str) -> Result<String> {
    let mut digest = Sha256::new();
    digest.update(go);
    for file in files(source)? {
        let content = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.strip_prefix(source)?.to_string_lossy().into_owned();
        // Lengths, so that no two sets of files read the same.
        digest.update(format!("\n{name} {}\n", content.len()));
        digest.update(content);
    }
    let mut key = hex::encode(digest.finalize());
    key.truncate(16);
    Ok(key)
}

/// Every file below a folder, in a fixed order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("DEIS_CACHE") {
        return Ok(PathBuf::from(folder));
    }
    let home = env::var_os("HOME").context("neither DEIS_CACHE nor HOME is set")?;
    Ok(Path::new(&home).join(".cache/deis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_changes_with_names_contents_and_go() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("cmd")).unwrap();
        fs::write(folder.path().join("go.mod"), "module m").unwrap();
        let first = key(folder.path(), "go1.26.8").unwrap();
        assert_eq!(first, key(folder.path(), "go1.26.8").unwrap());
        assert_eq!(first.len(), 16);

        let other_go = key(folder.path(), "go1.26.9").unwrap();
        fs::write(folder.path().join("cmd/main.go"), "").unwrap();
        let more_files = key(folder.path(), "go1.26.8").unwrap();
        fs::rename(folder.path().join("cmd/main.go"), folder.path().join("cmd/other.go")).unwrap();
        let renamed = key(folder.path(), "go1.26.8").unwrap();
        fs::write(folder.path().join("cmd/other.go"), "package main").unwrap();
        let changed = key(folder.path(), "go1.26.8").unwrap();

        let all = std::collections::BTreeSet::from([first, other_go, more_files, renamed, changed]);
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn programs_tell_the_versions_of_go_mod() {
        let versions = BTreeMap::from([
            ("k8s.io/kubernetes", "v1.35.4"),
            ("helm.sh/helm/v3", "v3.20.2"),
            ("github.com/distribution/distribution/v3", "v3.1.2"),
        ]);
        insta::assert_snapshot!(linker_flags(&versions).unwrap().replace(" -X", "\n-X"), @r"
        -s -w
        -X k8s.io/component-base/version.gitVersion=v1.35.4
        -X k8s.io/component-base/version.gitMajor=1
        -X k8s.io/component-base/version.gitMinor=35
        -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1
        -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=35
        -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1
        -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=35
        -X helm.sh/helm/v3/internal/version.version=v3.20.2
        -X github.com/distribution/distribution/v3/version.version=v3.1.2
        ");
    }

    #[test]
    fn a_missing_module_is_named() {
        let error = linker_flags(&BTreeMap::new()).unwrap_err();
        assert_eq!(error.to_string(), "go.mod does not name k8s.io/kubernetes");
    }
}
