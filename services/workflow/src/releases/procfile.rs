use std::collections::BTreeMap;

use deis_api::{Code, ProcType};

use crate::error::Error;
use crate::ledger::Ground;

/// What becomes of a build without a Procfile where the one before had one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingProcfile {
    /// It is released like any other.
    #[default]
    Taken,
    /// It is refused: somebody has forgotten the file.
    Refused,
}

impl From<bool> for MissingProcfile {
    fn from(is_refused: bool) -> Self {
        if is_refused { Self::Refused } else { Self::Taken }
    }
}

impl MissingProcfile {
    /// Looks at a build that is to be the next.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that has no process types where there were some.
    pub(super) fn check(self, ground: &Ground, procfile: &BTreeMap<ProcType, String>) -> Result<(), Error> {
        let is_missing = procfile.is_empty() && ground.build.as_ref().is_some_and(|build| !build.procfile.is_empty());
        if self == Self::Taken || !is_missing {
            return Ok(());
        }
        let message = "Last deployment had a Procfile but is missing in this deploy. For a successful deployment provide a \
                       Procfile.";
        Err(Error::refused(Code::ProcfileMissing, message))
    }
}
