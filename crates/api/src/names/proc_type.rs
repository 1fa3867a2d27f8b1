use super::{NameError, name};

const MESSAGE: &str = "Process types can only contain lowercase alphanumeric characters";

/// At most this many bytes, so that `{app}-v{N}-{type}` stays a name that Kubernetes accepts.
const MAX_LEN: usize = 63;

name!(
    /// A process type of a Procfile: `web`, `worker`, `clock-2`.
    ProcType,
    |text| {
        let words_are_fine = text.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        if words_are_fine && text.len() <= MAX_LEN { Ok(()) } else { Err(NameError(MESSAGE)) }
    }
);

impl ProcType {
    /// Types of pods that are not app processes: no Procfile may declare them.
    pub const RESERVED: [&'static str; 4] = ["build", "run", "release", "canary"];

    /// The process type that is served by the router when a release has it.
    #[must_use]
    pub fn web() -> Self {
        Self("web".to_owned())
    }

    /// The process type of images without a Procfile; served when there is no `web`.
    #[must_use]
    pub fn cmd() -> Self {
        Self("cmd".to_owned())
    }

    /// What a Procfile names to be run once for each release; it is never kept running.
    #[must_use]
    pub fn release() -> Self {
        Self("release".to_owned())
    }

    /// What somebody runs once in an app's image; its limits stand under this name.
    #[must_use]
    pub fn run() -> Self {
        Self("run".to_owned())
    }

    /// Whether the platform keeps this type for itself.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        Self::RESERVED.contains(&self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_lower_case_letters_and_digits() {
        for good in ["web", "worker2", "a-b-c", "0"] {
            assert_eq!(good.parse::<ProcType>().unwrap().as_str(), good);
        }
        for bad in ["", "Web", "a_b", "-a", "a-", "a--b", "a.b", "a b", &"a".repeat(64)] {
            assert_eq!(bad.parse::<ProcType>().unwrap_err().to_string(), MESSAGE, "{bad:?}");
        }
        assert!("build".parse::<ProcType>().unwrap().is_reserved());
        assert!(!ProcType::web().is_reserved());
    }
}
