use std::collections::{BTreeMap, BTreeSet};

/// What each of them says of one app at one moment.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The app's name.
    pub app: String,
    /// None when the ledger does not know the app (any more).
    pub ledger: Option<Ledger>,
    /// What is in the app's namespace.
    pub cluster: Cluster,
    /// None when the builder keeps no repository of the app.
    pub repository: Option<Repository>,
    /// The images of the app that the registry has, by digest.
    pub registry: BTreeMap<String, Image>,
    /// What each router answered to `GET /` with the app's own host name, by the router's pod.
    pub answers: BTreeMap<String, Answer>,
    /// What those who asked for something were told is done.
    pub acknowledged: Acknowledged,
}

/// History and intent.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Process type to the replicas asked for.
    pub structure: BTreeMap<String, u32>,
    /// Process type to the least and the most replicas that its autoscaler may set. What `structure` says of it is where that went on
    /// from; none of it is there while that is 0.
    pub autoscale: BTreeMap<String, (u32, u32)>,
    /// Full names, and the label that stands for the app's own.
    pub domains: BTreeSet<String>,
    /// By version.
    pub releases: BTreeMap<u64, Release>,
    /// By uuid.
    pub builds: BTreeMap<String, Build>,
    /// The newest config's values.
    pub config: BTreeMap<String, String>,
}

/// A version of an app.
#[derive(Clone, Debug, Default)]
pub struct Release {
    /// It was not deployed.
    pub failed: bool,
    /// The uuid of its build.
    pub build: Option<String>,
}

/// An image with what it was made of.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// By digest, under the name that nodes pull; empty when the build failed.
    pub image: String,
    /// The commit; empty when the image came from elsewhere.
    pub sha: String,
}

/// What Kubernetes has.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The namespace exists.
    pub namespace: bool,
    /// The app's Service.
    pub service: Option<Service>,
    /// ReplicationControllers by name.
    pub controllers: BTreeMap<String, Controller>,
    /// Pods by name, those on their way out left away.
    pub pods: BTreeMap<String, Pod>,
}

/// A Service.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// What its annotation says.
    pub domains: BTreeSet<String>,
    /// Names of the pods that its endpoints lead to.
    pub backends: BTreeSet<String>,
}

/// A ReplicationController.
#[derive(Clone, Debug, Default)]
pub struct Controller {
    /// Replicas asked for.
    pub replicas: u32,
    /// Of its only container.
    pub image: String,
}

/// A pod.
#[derive(Clone, Debug, Default)]
pub struct Pod {
    /// The ReplicationController that owns it.
    pub controller: Option<String>,
    /// Its label `type`.
    pub proc_type: String,
    /// Kubernetes counts it as ready.
    pub ready: bool,
    /// Somebody took it out of its controller on purpose (label `version: canary`).
    pub canary: bool,
}

/// A git repository.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// Full ref name to commit.
    pub refs: BTreeMap<String, String>,
    /// Those of the builds' commits that it has.
    pub commits: BTreeSet<String>,
}

/// An image in the registry.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Blobs that its manifest names and the registry does not have.
    pub missing: BTreeSet<String>,
}

/// What a router answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Deis-Error-Code`: the router's own answer, not the app's.
    pub code: Option<String>,
}

/// What was acknowledged, and what was tried and got no answer: it may have been done, or not.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    /// The commit of the last push that was acknowledged.
    pub pushed: Option<String>,
    /// Commits of pushes that broke off: nobody knows whether the controller has released them, and if it has, the repository may
    /// not have them until the next push.
    pub broken_off: BTreeSet<String>,
    /// Config values that must be there.
    pub config: BTreeMap<String, String>,
    /// Process type to the replicas that may hold: of the last scale that was acknowledged and those tried after it.
    pub structure: BTreeMap<String, BTreeSet<u32>>,
    /// The highest release that somebody was told of.
    pub release: u64,
    /// The app was destroyed.
    pub destroyed: bool,
}
