//! Calls to other services: state (locks, leadership, settings), the routers, the builder and the logger.

mod builder;
mod endpoints;
mod leadership;
mod locks;
mod logger;
mod progress;
mod router_settings;
mod routers;
mod session;
mod settings;

pub use builder::Builder;
pub use leadership::lead;
pub use locks::StateLocks;
pub use logger::Logger;
pub use progress::StateProgress;
pub use router_settings::RouterSettings;
pub use routers::LiveRouters;
pub use session::Session;
pub use settings::follow_registration_mode;

use deis_api::AppName;

use crate::deploy::EffectError;

/// What a service that does not let go of an app means for its destruction.
fn kept(service: &str, app: &AppName, error: &tonic::Status) -> EffectError {
    tracing::warn!(%app, %error, "the {service} does not let go of an app");
    EffectError::Unavailable(format!("The {service} cannot be reached, trying again."))
}
