//! Names of objects. Kubernetes cuts long names, so they are written here and parsed nowhere.

use deis_api::{AppName, CertificateDigest, ProcType, ReleaseVersion};

/// The controller of one process type of one release: `{app}-v{N}-{type}`.
#[must_use]
pub fn controller(app: &AppName, version: ReleaseVersion, proc_type: &ProcType) -> String {
    format!("{app}-{version}-{proc_type}")
}

/// The pod that runs the release phase of one release: `{app}-v{N}-release`.
#[must_use]
pub fn release_phase(app: &AppName, version: ReleaseVersion) -> String {
    format!("{app}-{version}-release")
}

/// The pod of a command that is run once: `{app}-run-{5 chars}`.
#[must_use]
pub fn one_off(app: &AppName, suffix: &str) -> String {
    format!("{app}-run-{suffix}")
}

/// What holds for one process type of an app, of whatever release: `{app}-{type}`.
#[must_use]
pub fn of_type(app: &AppName, proc_type: &ProcType) -> String {
    format!("{app}-{proc_type}")
}

/// The Secret with the environment of one release: `{app}-v{N}-env`.
#[must_use]
pub fn environment(app: &AppName, version: ReleaseVersion) -> String {
    format!("{app}-{version}-env")
}

/// The Secret that lets the kubelet pull this app's repository and no other's: `{app}-pull`.
#[must_use]
pub fn pull_secret(app: &AppName) -> String {
    format!("{app}-pull")
}

/// The routers, as the chart names what belongs to them.
pub const ROUTER: &str = "deis-router";

/// The ConfigMap with the routers' settings, in the platform's namespace.
pub const ROUTER_SETTINGS: &str = "deis-router-settings";

/// The namespace of certificates, in which routers read and workflow writes: `{platform}-certificates`.
#[must_use]
pub fn certificates(platform: &str) -> String {
    format!("{platform}-certificates")
}

/// What an app's Service calls the copy of a certificate: `{app}-{digest}`. A digest has no hyphen, so no two apps have the same.
#[must_use]
pub fn certificate_copy(app: &AppName, digest: &CertificateDigest) -> String {
    format!("{app}-{digest}")
}

/// The Secret of the certificate that a Service calls so: `{certificate}-cert`.
#[must_use]
pub fn certificate_secret(certificate: &str) -> String {
    format!("{certificate}-cert")
}
