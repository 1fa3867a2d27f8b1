//! Calls to other services: state (locks, leadership, settings), the routers, the builder and the logger.

mod builder;
mod leadership;
mod locks;
mod logger;
mod progress;
mod routers;
mod session;
mod settings;

pub use builder::Builder;
pub use leadership::lead;
pub use locks::StateLocks;
pub use logger::Logger;
pub use progress::StateProgress;
pub use routers::LiveRouters;
pub use session::Session;
pub use settings::follow_registration_mode;
