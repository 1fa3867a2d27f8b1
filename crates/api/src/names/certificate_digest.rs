use super::{NameError, name};

/// So many hexadecimal digits.
const LEN: usize = 20;

name!(
    /// Which certificate with which key, by what they hold: the first 20 hexadecimal digits of a SHA-256, lower-case. Another content has
    /// another digest, so what is named by it never changes.
    CertificateDigest,
    |text| {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() == LEN && is_hex { Ok(()) } else { Err(NameError("A digest has 20 hexadecimal digits.")) }
    }
);

impl CertificateDigest {
    /// The short form of a SHA-256.
    #[must_use]
    pub fn of(sha256: [u8; 32]) -> Self {
        let bytes = sha256.iter().take(LEN / 2);
        Self(bytes.map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_of_a_hash() {
        let digest = CertificateDigest::of([0xab; 32]);
        assert_eq!(digest.as_str(), "ab".repeat(10));
        assert_eq!(digest.as_str().parse(), Ok(digest));
        for bad in ["", "ab", &"AB".repeat(10), &"zz".repeat(10), &"ab".repeat(32)] {
            assert!(bad.parse::<CertificateDigest>().is_err(), "{bad:?}");
        }
    }
}
