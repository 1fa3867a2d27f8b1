//! How a process begins and ends: commands that run in its container after its start and before its end, and its time to end.

use std::collections::BTreeMap;

use deis_api::ProcType;

use super::merge::Difference;
use crate::error::Error;

/// Process type to a command for the shell of the image.
pub type Hooks = BTreeMap<ProcType, String>;

/// Process type to the seconds that its pods have to end.
pub type GracePeriods = BTreeMap<ProcType, u32>;

const GRACE_FORMAT: &str = "Termination Grace Period format: <value>, where value must be a numeric";
/// A pod that does not end keeps its place on a node, and an app that is to be destroyed waits for it: a day, in seconds.
const LONGEST_GRACE: u32 = 24 * 60 * 60;

/// Seconds, as digits.
///
/// # Errors
/// [`Error::Field`] for anything else, and for more than a day.
pub fn grace_period(text: &str) -> Result<u32, Error> {
    let refused = |message: &str| Err(Error::field("termination_grace_period", message));
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return refused(GRACE_FORMAT);
    }
    match text.parse() {
        Ok(seconds) if seconds <= LONGEST_GRACE => Ok(seconds),
        _ => refused(&format!("A termination grace period is at most {LONGEST_GRACE} seconds, which is a day.")),
    }
}

/// Checks a command of a hook; `field` is the one that it stands in.
///
/// # Errors
/// [`Error::Field`] for one that no shell can be given, and for none: a hook is unset with `null`.
pub fn check_hook(field: &'static str, kind: &ProcType, command: &str) -> Result<(), Error> {
    if command.trim().is_empty() {
        return Err(Error::field(field, format!("The command for {kind} is empty; unset it to have none.")));
    }
    if command.contains('\0') {
        return Err(Error::field(field, format!("The command for {kind} holds a NUL character, which no command can")));
    }
    Ok(())
}

/// What a change of hooks is, in words; `field` is the one that they stand in.
#[must_use]
pub fn words(field: &str, before: &Hooks, after: &Hooks) -> String {
    let words = Difference::between(before, after, PartialEq::eq).words(&format!("{field} "));
    // Two blanks after what was added: so the original said it, and scripts match on that.
    words.replacen(&format!("added {field} "), &format!("added {field}  "), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_periods_are_whole_seconds_of_a_day() {
        for (text, seconds) in [("0", 0), ("60", 60), ("0300", 300), ("86400", LONGEST_GRACE)] {
            assert_eq!(grace_period(text).unwrap(), seconds);
        }
        for text in ["", "long", "-1", "+1", "1.5", "1s", " 1"] {
            assert_eq!(grace_period(text).unwrap_err().to_string(), GRACE_FORMAT, "{text}");
        }
        for text in ["86401", "99999999999999999999"] {
            let refusal = "A termination grace period is at most 86400 seconds, which is a day.";
            assert_eq!(grace_period(text).unwrap_err().to_string(), refusal, "{text}");
        }
    }

    #[test]
    fn hooks_are_told_as_the_original_told_them() {
        let hooks = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(kind, command)| (kind.parse().unwrap(), (*command).to_owned())).collect::<Hooks>()
        };
        let (before, after) = (hooks(&[("a", "x"), ("b", "x")]), hooks(&[("b", "y"), ("c", "x"), ("d", "x")]));
        assert_eq!(
            words("lifecycle_pre_stop", &before, &after),
            "added lifecycle_pre_stop  c, d, changed lifecycle_pre_stop b, deleted lifecycle_pre_stop a"
        );
        assert_eq!(words("lifecycle_pre_stop", &before, &before), "");
    }

    #[test]
    fn a_hook_is_a_command() {
        let checked = |command: &str| check_hook("lifecycle_pre_stop", &ProcType::web(), command);
        assert!(checked("sleep 5 && echo \"bye\"").is_ok());
        assert!(checked(" ").is_err() && checked("a\0b").is_err());
    }
}
