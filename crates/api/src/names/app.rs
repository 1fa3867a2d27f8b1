use super::{NameError, name};

const MESSAGE: &str = "App name must start with an alphabetic character, cannot end with a hyphen and can only contain \
                       a-z (lowercase), 0-9 and hyphens.";

name!(
    /// An app's id: a DNS label (RFC 1123) that starts with a letter, so that it can name the namespace, the Service, the
    /// repository and the host.
    AppName,
    |text| {
        let last_is_fine = !text.ends_with('-');
        let first_is_fine = text.starts_with(|first: char| first.is_ascii_lowercase());
        let rest_is_fine = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if text.len() > 63 {
            return Err(NameError("Ensure this field has no more than 63 characters."));
        }
        if first_is_fine && last_is_fine && rest_is_fine { Ok(()) } else { Err(NameError(MESSAGE)) }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_labels_that_start_with_a_letter() {
        for good in ["a", "earthy-instinct", "a1", "x-2-y", &"a".repeat(63)] {
            assert_eq!(good.parse::<AppName>().unwrap().as_str(), good);
        }
        for bad in ["", "1a", "-a", "a-", "A", "a_b", "a.b", "a b", "é", "a/b", "a\n"] {
            assert_eq!(bad.parse::<AppName>().unwrap_err().to_string(), MESSAGE, "{bad:?}");
        }
        let long = "a".repeat(64).parse::<AppName>().unwrap_err().to_string();
        assert_eq!(long, "Ensure this field has no more than 63 characters.");
    }
}
