//! An app's history.

pub mod diff;
pub mod info;
pub mod list;
pub mod rollback;
pub mod watch;

use deis_cli::Failure;

/// `v3` and `3` are both release 3. What is no release, the server says.
fn version(text: &str) -> Result<u32, Failure> {
    let number = text.strip_prefix('v').unwrap_or(text).parse();
    number.map_err(|_| Failure::new(format!("{text} is not in the form 'v#'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_a_letter_or_not() {
        assert_eq!((version("v3").unwrap(), version("12").unwrap()), (3, 12));
        for text in ["v", "", "three", "v-1", "vv1"] {
            assert!(version(text).is_err(), "{text}");
        }
    }
}
