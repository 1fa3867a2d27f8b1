use deis_api::Code;

use crate::error::Error;
use crate::images::Pulled;
use crate::ledger::Ground;

/// Refuses an image that runs as root where no administrator allows it: Kubernetes would not start its pods.
pub(super) fn check_root(ground: &Ground, pulled: Option<&Pulled>) -> Result<(), Error> {
    if ground.app.allow_root || pulled.is_none_or(|pulled| pulled.user != 0) {
        return Ok(());
    }
    let app = &ground.app.id;
    let message = format!(
        "This image runs as root, which {app} may not. Ask an administrator to allow it: deis apps:allow-root -a {app}"
    );
    Err(Error::refused(Code::RootRefused, message))
}
