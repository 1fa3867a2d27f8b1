//! The test node: a real one-node Kubernetes on this machine, from packages alone, without a Docker engine or an uplink.
//!
//! A node is one process tree. `deis-node up` starts a [`supervisor`]; that makes a network, a mount and a process
//! namespace, with [`init`] as process 1 in them, which starts etcd, containerd and the parts of Kubernetes. So the
//! kernel itself guarantees what a stop must: when process 1 ends, every process of the node ends, its mounts, interfaces
//! and routes go, and nothing else on the machine is touched.
//!
//! ```text
//! machine                         │ node
//! deis-node supervise ── pipe ──────▶ deis-node init (process 1)
//!   lock, network, control groups │    ├─ etcd, containerd, kube-apiserver
//!   volumes, addresses, loopback  │    ├─ kubelet, kube-controller-manager, kube-scheduler, kube-proxy, coredns
//!                                 │    └─ pods
//! deis-host 198.18.0.1 ─────────────── deis-up 198.18.0.2
//! route 198.18.1.0/24 ──────────────▶  addresses of LoadBalancer Services
//! /var/lib/deis-node/{etc,lib,log} ── /run/node, /var/lib, /var/log
//! ```
//!
//! For tests there is [`Node`].

pub mod cgroups;
pub mod cluster;
pub mod components;
pub mod controller;
pub mod exec;
pub mod folder;
pub mod images;
pub mod init;
pub mod network;
pub mod pki;
pub mod programs;
pub mod state;
pub mod supervisor;

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::folder::Folder;
use crate::state::State;

/// The platform's default domain on the test node: it and every name below it resolve to the machine's loopback, where
/// the ports of LoadBalancer Services are served too.
pub const DOMAIN: &str = "apps.localhost";

/// Names another folder than [`DEFAULT_FOLDER`].
pub const FOLDER_VARIABLE: &str = "DEIS_NODE_DIR";

/// Where the node keeps everything.
pub const DEFAULT_FOLDER: &str = "/var/lib/deis-node";

/// A running node.
#[derive(Clone, Debug)]
pub struct Node {
    folder: Folder,
    state: State,
}

impl Node {
    /// The node that runs from `DEIS_NODE_DIR`, or from the default folder.
    ///
    /// # Errors
    /// When none runs.
    pub fn running() -> Result<Self> {
        let folder = env::var_os(FOLDER_VARIABLE).map_or_else(|| PathBuf::from(DEFAULT_FOLDER), PathBuf::from);
        Self::of(Folder::new(folder))
    }

    /// The node that runs from `folder`.
    ///
    /// # Errors
    /// When none runs.
    pub fn of(folder: Folder) -> Result<Self> {
        let state = state::read(&folder)?;
        let state = state.with_context(|| format!("no node runs from {}: deis-node up", folder.path().display()))?;
        Ok(Self { folder, state })
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.kubeconfig()
    }

    /// A folder with `kubectl` and `helm`, among others.
    pub fn programs(&self) -> PathBuf {
        self.state.programs.clone()
    }

    /// The API server's audit log: one JSON object a line, for every request, without bodies.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.log("audit")
    }

    /// The node's containerd.
    ///
    /// # Errors
    /// When the node is still being made.
    pub fn containerd(&self) -> Result<images::Containerd> {
        Ok(images::Containerd::of(self.namespaces()?))
    }

    /// A process in the node's network and mount namespaces.
    ///
    /// # Errors
    /// When the node is still being made.
    pub fn namespaces(&self) -> Result<u32> {
        self.state.namespaces.context("the node is still being made")
    }
}
