use super::{NameError, name};

name!(
    /// A user's name for one of his certificates, unique over all users: lower-case letters, digits and hyphens, at most 253 characters.
    CertName,
    |text| {
        if text.is_empty() {
            return Err(NameError("This field may not be blank."));
        }
        if text.len() > 253 {
            return Err(NameError("Ensure this field has no more than 253 characters."));
        }
        let is_fine = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_fine { Ok(()) } else { Err(NameError("Can only contain a-z (lowercase), 0-9 and hyphens")) }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_hyphens() {
        for good in ["www-example-com", "1", "-x-", &"a".repeat(253)] {
            assert_eq!(good.parse::<CertName>().unwrap().as_str(), good);
        }
        for bad in ["", "Shop", "a_b", "a.b", "*", "é", &"a".repeat(254)] {
            assert!(bad.parse::<CertName>().is_err(), "{bad:?}");
        }
    }
}
