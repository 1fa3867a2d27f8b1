//! The control groups of the node's pods.
//!
//! The kubelet is told to put them all under [`GROUP`], which must exist, and which nobody removes but us.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::exec;

/// As `cgroupRoot` in `config/kubelet.yaml`.
const GROUP: &str = "deis-node";
const ROOT: &str = "/sys/fs/cgroup";

/// Makes the group in every hierarchy.
pub fn create() -> Result<()> {
    for group in groups()? {
        fs::create_dir_all(&group).with_context(|| format!("making {}", group.display()))?;
    }
    Ok(())
}

/// Removes the group with all that the kubelet made in it. The kernel refuses as long as a process stands in one.
pub async fn remove() -> Result<()> {
    for group in groups()? {
        let gone = async || remove_tree(&group).is_ok().then_some(());
        exec::eventually(&format!("removing {}", group.display()), Duration::from_secs(10), gone).await?;
    }
    Ok(())
}

/// The group's folder in each hierarchy: one with cgroup v2, one for each controller with v1.
fn groups() -> Result<Vec<PathBuf>> {
    let root = Path::new(ROOT);
    if is_group(root) {
        return Ok(vec![root.join(GROUP)]);
    }
    let entries = fs::read_dir(root).context("reading the control groups")?.filter_map(Result::ok);
    Ok(entries.map(|entry| entry.path()).filter(|path| is_group(path)).map(|path| path.join(GROUP)).collect())
}

fn is_group(folder: &Path) -> bool {
    folder.join("cgroup.procs").exists()
}

/// A group's files vanish with it; only the groups inside must go first.
fn remove_tree(group: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
