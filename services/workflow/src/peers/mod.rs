//! Calls to other services: state (locks, leadership, settings) and the routers.

mod leadership;
mod locks;
mod progress;
mod routers;
mod session;
mod settings;

pub use leadership::lead;
pub use locks::StateLocks;
pub use progress::StateProgress;
pub use routers::LiveRouters;
pub use session::Session;
pub use settings::follow_registration_mode;
