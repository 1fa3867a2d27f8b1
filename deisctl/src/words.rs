//! Texts that more than one place writes.

/// `1 pod`, `2 pods`.
pub(crate) fn count(number: impl Into<i64>, what: &str) -> String {
    let number = number.into();
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|number: i32| count(number, "pod")), ["0 pods", "1 pod", "2 pods"]);
    }
}
