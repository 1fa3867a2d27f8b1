use super::{NameError, name};

name!(
    /// A git object id: 40 lower-case hexadecimal digits (SHA-1, the object format of git repositories).
    GitSha,
    |text| {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if text.len() == 40 && is_hex { Ok(()) } else { Err(NameError("A commit id is 40 lower-case hexadecimal digits")) }
    }
);

impl GitSha {
    /// The first seven digits, as people see it: `acaa8a5`.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }

    /// The id that git sends for "no object": a ref that is created or deleted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_hexadecimal_digits() {
        let sha = "acaa8a5f00000000000000000000000000000000".parse::<GitSha>().unwrap();
        assert_eq!(sha.short(), "acaa8a5");
        assert!(!sha.is_zero());
        assert!("0".repeat(40).parse::<GitSha>().unwrap().is_zero());
        for bad in ["", "acaa8a5", &"g".repeat(40), &"A".repeat(40), &"0".repeat(41), &"0".repeat(64)] {
            assert!(bad.parse::<GitSha>().is_err(), "{bad:?}");
        }
    }
}
