use super::{GitSha, NameError, name};

name!(
    /// A commit as somebody names it whose repository is elsewhere: the id that git gave it, or its first digits; 8 to 40 lower-case
    /// hexadecimal digits.
    CommitId,
    |text| {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if (8..=40).contains(&text.len()) && is_hex {
            Ok(())
        } else {
            Err(NameError("A commit id is 8 to 40 lower-case hexadecimal digits"))
        }
    }
);

impl CommitId {
    /// The first seven digits, as people see it: `acaa8a5`.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl From<GitSha> for CommitId {
    fn from(sha: GitSha) -> Self {
        Self(sha.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_to_forty_hexadecimal_digits() {
        let sha = "acaa8a5f00000000000000000000000000000000";
        for good in ["acaa8a5f", &sha[..20], sha] {
            assert_eq!(good.parse::<CommitId>().unwrap().short(), "acaa8a5");
        }
        assert_eq!(CommitId::from(sha.parse::<GitSha>().unwrap()).as_str(), sha);
        for bad in ["", "acaa8a5", "ACAA8A5F", "acaa8a5g", &"0".repeat(41)] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad:?}");
        }
    }
}
