use std::fmt;
use std::str::FromStr;

use super::NameError;

/// The number of a release: `v1` is the first. As JSON a number, as text `v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(into = "i64", try_from = "i64")]
pub struct ReleaseVersion(i64);

impl ReleaseVersion {
    /// The initial release of every app, which has no build.
    pub const FIRST: Self = Self(1);

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl TryFrom<i64> for ReleaseVersion {
    type Error = NameError;

    fn try_from(number: i64) -> Result<Self, NameError> {
        if number < 1 { Err(NameError("version cannot be below 0")) } else { Ok(Self(number)) }
    }
}

impl From<ReleaseVersion> for i64 {
    fn from(version: ReleaseVersion) -> Self {
        version.0
    }
}

/// Takes `v3` and `3`.
impl FromStr for ReleaseVersion {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let digits = text.strip_prefix('v').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = if is_number { digits.parse::<i64>().ok() } else { None };
        number.ok_or(NameError("not in the form 'v#'")).and_then(Self::try_from)
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_the_letter() {
        assert_eq!("v12".parse::<ReleaseVersion>().unwrap().get(), 12);
        assert_eq!("3".parse::<ReleaseVersion>().unwrap().to_string(), "v3");
        assert_eq!(ReleaseVersion::FIRST.next().to_string(), "v2");
        for bad in ["", "v", "v0", "-1", "+1", "1.5", "vv1", "9999999999999999999"] {
            assert!(bad.parse::<ReleaseVersion>().is_err(), "{bad:?}");
        }
    }
}
