use std::error::Error;
use std::iter::successors;

/// What is at the bottom of an error. Of a client's errors it is what tells: the layers between say nothing to a person.
#[must_use]
pub fn innermost<'error>(error: &'error (dyn Error + 'static)) -> &'error (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

/// An error with all that it was caused by: `cannot listen on 0.0.0.0:80: permission denied`.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn chain<'error>(error: &'error (dyn Error + 'static)) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("transport error")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes_or_by_the_last_of_them() {
        let error = Outer(io::Error::from_raw_os_error(111));
        assert_eq!(innermost(&error).to_string(), "Connection refused (os error 111)");
        assert_eq!(causes(&error), "transport error: Connection refused (os error 111)");
        assert_eq!(innermost(&error.0).to_string(), causes(&error.0), "one without a cause is its own");
    }
}
