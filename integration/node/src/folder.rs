//! The node's folder: where everything that it keeps stands, seen from the machine and from inside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where the node's folder appears inside the node.
pub const INSIDE: &str = "/run/node";
/// Where the programs of `upstream/` appear inside the node.
pub const PROGRAMS_INSIDE: &str = "/run/programs";
/// Where volumes stand inside the node.
pub const VOLUMES_INSIDE: &str = "/var/lib/volumes";

/// `/var/lib/deis-node`, or what `DEIS_NODE_DIR` names.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at an absolute path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Held by the supervisor as long as the node runs; its text is the node's state.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Held by the first process inside the node.
    pub fn inner_lock(&self) -> PathBuf {
        self.0.join("inner-lock")
    }

    /// For kubectl, helm and tests on the machine: the cluster's administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.etc().join("admin.kubeconfig")
    }

    /// Configuration and certificates.
    pub fn etc(&self) -> PathBuf {
        self.0.join("etc")
    }

    /// `/var/lib` inside the node: etcd's data, containerd's images, the kubelet's pods, the volumes.
    pub fn lib(&self) -> PathBuf {
        self.0.join("lib")
    }

    /// `/var/log` inside the node: every process's log, the audit log, `pods/`, `containers/`.
    pub fn logs(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The log of one process.
    pub fn log(&self, process: &str) -> PathBuf {
        self.logs().join(format!("{process}.log"))
    }

    /// The machine's view of a path inside the node, for those under `/var/lib`.
    pub fn volume(&self, name: &str) -> PathBuf {
        self.lib().join("volumes").join(name)
    }

    /// Makes the folders that must exist before a process starts.
    pub fn create(&self) -> Result<()> {
        for folder in [self.etc(), self.lib().join("volumes"), self.logs()] {
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        Ok(())
    }
}
