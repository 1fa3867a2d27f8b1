//! Texts that more than one place writes.

use std::error::Error;

/// `1 pod`, `2 pods`.
pub(crate) fn count(number: impl Into<i64>, what: &str) -> String {
    let number = number.into();
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The innermost cause of an error, which is the one that tells.
pub(crate) fn innermost<'error>(mut error: &'error (dyn Error + 'static)) -> &'error (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|number: i32| count(number, "pod")), ["0 pods", "1 pod", "2 pods"]);
    }
}
