//! The newest log lines of every app.
//!
//! One program, two roles. The **agent**, one on each node, follows the files that the node writes for the pods of apps, and sends
//! their lines to the **server**: gRPC `deis.logger.v1` on port 50051, for agents and workflow. The server keeps lines in Redis, one
//! stream for each app, bounded in lines and bytes. Both have admin HTTP on 9090.
//!
//! A line is stored exactly once, or its loss is counted in the app's own log. What holds that together is the position of a line,
//! counted over all files of a container: the agent repeats whatever it does not know the fate of, and the server takes what is
//! further than the last. An app never waits: when the server or Redis is away, the agent stops reading, and the node's files are
//! the buffer. Whose a line is, is read from the labels of the pod in Kubernetes, never from a name or a text.
//!
//! What each role needs from the cluster stands in [`config`].
//!
//! From the edge inwards: [`server`] decodes and encodes, [`store`] is all that knows Redis. [`agent`] begins with files and ends
//! with batches.
#![warn(missing_docs)]

pub mod agent;
pub mod config;
pub mod error;
mod metrics;
mod patience;
pub mod server;
pub mod store;

use deis_bootstrap::Context;

pub use config::Config;
use config::Role;
pub use error::{Error, StartError};

/// Runs a role until the process is asked to end.
///
/// # Errors
/// An address, a file or the certificates cannot be used, or a server failed.
pub async fn run(config: Config, context: Context) -> Result<(), StartError> {
    // Until the role's own latches are taken.
    let starting = context.readiness.latch("its start");
    match config.role {
        Role::Serve(config) => {
            let listener = context.bind(config.listen).await?;
            let serving = server::serve(listener, config, context);
            starting.release();
            serving.await
        }
        Role::Agent(config) => agent::run(config, context, starting).await,
    }
}
