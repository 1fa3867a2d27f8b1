use super::{NameError, name};

name!(
    /// A user's name for one of his SSH keys, often `user@host`: printable text of at most 128 characters without `/`.
    KeyId,
    |text| {
        if text.is_empty() {
            return Err(NameError("This field may not be blank."));
        }
        if text.chars().count() > 128 {
            return Err(NameError("Ensure this field has no more than 128 characters."));
        }
        let is_fine = text.chars().all(|char| !char.is_control() && char != '/');
        if is_fine { Ok(()) } else { Err(NameError("Key ids can only contain printable characters other than /")) }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text() {
        for good in ["bob@laptop", "my key", "é", &"é".repeat(128)] {
            assert_eq!(good.parse::<KeyId>().unwrap().as_str(), good);
        }
        for bad in ["", "a/b", "a\nb", "\u{7f}", &"x".repeat(129)] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad:?}");
        }
    }
}
