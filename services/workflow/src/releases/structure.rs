use deis_api::ProcType;

use crate::images;
use crate::ledger::{Build, Ground, Structure};

/// What is asked for from now on, with a build of which `first` is what a first deploy starts one of: of a first build that, of later
/// ones what there was. When what serves comes from elsewhere now, or did so before, it is like a first one. Process types that the
/// build has not are forgotten when its deploy has succeeded: if it fails, the release before runs them again.
pub(super) fn structure(ground: &Ground, first: Option<ProcType>, is_pulled: bool) -> Structure {
    let before = ground.build.as_ref().map(|build| (build.pulled.is_some(), build.served()));
    after(&ground.app.structure, before, first, is_pulled)
}

fn after(
    structure: &Structure,
    before: Option<(bool, Option<ProcType>)>,
    first: Option<ProcType>,
    is_pulled: bool,
) -> Structure {
    let mut after = structure.clone();
    let is_other = before.is_some_and(|(was_pulled, served)| was_pulled != is_pulled || (is_pulled && served != first));
    if let Some(first) = first.filter(|_| structure.is_empty() || is_other) {
        let count = after.entry(first).or_default();
        *count = (*count).max(1);
    }
    after
}

impl Build {
    /// The process type that serves.
    #[must_use]
    pub fn served(&self) -> Option<ProcType> {
        images::served(&self.procfile, self.pulled.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, u32)]) -> Structure {
        pairs.iter().map(|(kind, count)| (kind.parse().unwrap(), *count)).collect()
    }

    #[test]
    fn the_first_build_gets_one_that_serves_and_later_ones_what_there_was() {
        let (web, cmd) = (|| Some(ProcType::web()), || Some(ProcType::cmd()));
        for (before, old, first, is_pulled, expected) in [
            (counts(&[]), None, web(), false, counts(&[("web", 1)])),
            (counts(&[]), None, None, false, counts(&[])),
            (
                counts(&[("web", 0), ("worker", 3)]),
                Some((false, web())),
                web(),
                false,
                counts(&[("web", 0), ("worker", 3)]),
            ),
            (counts(&[("worker", 3)]), Some((false, None)), web(), false, counts(&[("worker", 3)])),
            (counts(&[]), None, cmd(), true, counts(&[("cmd", 1)])),
            (counts(&[("cmd", 4)]), Some((true, cmd())), cmd(), true, counts(&[("cmd", 4)])),
            // From here to elsewhere and back; what the old one runs stays for as long as it may be needed.
            (counts(&[("web", 3)]), Some((false, web())), cmd(), true, counts(&[("cmd", 1), ("web", 3)])),
            (counts(&[("web", 3)]), Some((false, web())), web(), true, counts(&[("web", 3)])),
            (counts(&[("cmd", 2)]), Some((true, cmd())), web(), false, counts(&[("cmd", 2), ("web", 1)])),
            (counts(&[("cmd", 2)]), Some((true, cmd())), web(), true, counts(&[("cmd", 2), ("web", 1)])),
        ] {
            assert_eq!(after(&before, old.clone(), first.clone(), is_pulled), expected, "{before:?} {old:?} {first:?}");
        }
    }
}
