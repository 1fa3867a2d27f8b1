//! Named points at which a process can be made to die, so that tests kill it exactly there.
//!
//! Only the second binaries `workflow-failpoints` and `builder-failpoints`, which test images alone carry, link this crate: what is
//! shipped has no failpoint in it. Their `main` is one line, [`main`], in place of `deis_bootstrap::main`; the service's code gets a
//! [`Failpoints`] and calls [`Failpoints::pass`] at every point. Tests arm points over HTTP (port 9099):
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /` | `{"passed": {"deploy.begin.before": 3, …}, "armed": {"name": "deploy.create.after", "survives": 0} or null}` |
//! | `PUT /{name}`, `PUT /{name}?after=2` | 204: the process dies when it comes to this point next, or after it has passed it twice more; no other point is armed any more |
//! | `DELETE /` | 204: no point is armed |
//!
//! A process that was started again has nothing armed, and lives.
#![warn(missing_docs)]

mod points;
mod process;
mod server;

pub use points::Failpoints;
pub use process::main;
