use super::{NameError, name};

const MESSAGE: &str = "Config keys must start with a letter or underscore and only contain [A-z0-9_]";

name!(
    /// The name of an app's environment variable (IEEE Std 1003.1, section 8.1, and no others).
    ConfigKey,
    |text| {
        let first_is_fine = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let rest_is_fine = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if first_is_fine && rest_is_fine { Ok(()) } else { Err(NameError(MESSAGE)) }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_environment_variables() {
        for good in ["POWERED_BY", "_x", "a1", "Z"] {
            assert_eq!(good.parse::<ConfigKey>().unwrap().as_str(), good);
        }
        for bad in ["", "1A", "A-B", "A B", "A=B", "É", "A\0", "A.B"] {
            assert_eq!(bad.parse::<ConfigKey>().unwrap_err().to_string(), MESSAGE, "{bad:?}");
        }
    }
}
