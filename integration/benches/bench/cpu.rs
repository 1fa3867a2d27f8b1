//! CPU time of processes on this machine, as the kernel counts it: proc(5), `/proc/{pid}/stat`.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::ListParams;

use crate::support::Platform;

/// `/proc` counts in hundredths of a second, whatever the kernel itself counts in.
const TICKS_PER_SECOND: f64 = 100.0;
/// How often the kernel is asked for what it tells nobody.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// Nothing that is waited for here takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// A process of this machine.
#[derive(Clone, Copy)]
pub(crate) struct Process {
    id: u32,
}

impl Process {
    pub(crate) fn of_child(id: Option<u32>) -> Self {
        Self { id: id.expect("nobody has waited for it") }
    }

    /// The process of this name in the platform's only pod of `app`. None when the pod runs on another machine: a cluster that
    /// `KUBECONFIG` names.
    pub(crate) async fn of_pod(platform: &Platform, app: &str, name: &str) -> Option<Self> {
        let of_app = ListParams::default().labels(&format!("app={app}"));
        let pod = platform.own::<Pod>().list(&of_app).await.unwrap().items.pop().expect("the pod is there");
        let group = format!("pod{}", pod.uid().expect("objects have one"));
        let ids =
            std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        ids.map(|id| Self { id }).find(|process| {
            // A process may end while it is looked at.
            let is_named = process.read("comm").is_ok_and(|comm| comm.trim_end() == name);
            is_named && process.read("cgroup").is_ok_and(|groups| groups.contains(&group))
        })
    }

    /// Seconds in user and kernel mode, of all its threads and of the children that it has waited for, and theirs.
    pub(crate) fn cpu_seconds(self) -> f64 {
        let stat = self.stat();
        // utime, stime, cutime, cstime.
        let ticks = stat.split(' ').skip(11).take(4).map(|field| field.parse::<f64>().unwrap());
        ticks.sum::<f64>() / TICKS_PER_SECOND
    }

    /// Waits until it has ended; it is still there for who wants to know what it has used, until somebody waits for it.
    pub(crate) async fn ended(self) {
        until(&format!("process {} has ended", self.id), || self.stat().starts_with('Z')).await;
    }

    /// From the state on: what stands before it, the program's name, may be anything.
    fn stat(self) -> String {
        let stat = self.read("stat").unwrap();
        stat.rsplit_once(") ").expect("proc(5)").1.to_owned()
    }

    fn read(self, file: &str) -> std::io::Result<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.id))
    }
}

/// Waits for something that can only be asked for.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let mut ticks = tokio::time::interval(ASK_EVERY);
    let asking = async {
        while !is_so() {
            ticks.tick().await;
        }
    };
    deis_bootstrap::deadline(LIMIT, asking).await.unwrap_or_else(|late| panic!("{what}: {late}"));
}
