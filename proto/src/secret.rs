//! `Debug` of the messages that carry secrets: names of variables, never values; a user, never the password.

use std::collections::HashMap;
use std::fmt;

use crate::builder::{BuildSpec, PullImageRequest};
use crate::workflow::GetBuildContextResponse;

struct Names<'a>(&'a HashMap<String, String>);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.0.keys().collect::<Vec<_>>();
        names.sort();
        f.debug_set().entries(names).finish()
    }
}

impl fmt::Debug for GetBuildContextResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetBuildContextResponse").field("environment", &Names(&self.environment)).finish()
    }
}

impl fmt::Debug for BuildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, sha, environment, max_image_bytes, max_cache_bytes } = self;
        f.debug_struct("BuildSpec")
            .field("app", app)
            .field("sha", sha)
            .field("environment", &Names(environment))
            .field("max_image_bytes", max_image_bytes)
            .field("max_cache_bytes", max_cache_bytes)
            .finish()
    }
}

impl fmt::Debug for PullImageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, image, username, password: _, allow_root } = self;
        f.debug_struct("PullImageRequest")
            .field("app", app)
            .field("image", image)
            .field("username", username)
            .field("allow_root", allow_root)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_and_hides_values() {
        let environment = HashMap::from([("API_KEY".to_owned(), "hunter2".to_owned())]);
        let context = GetBuildContextResponse { environment: environment.clone() };
        let spec = BuildSpec { app: "demo".to_owned(), environment, ..BuildSpec::default() };
        for text in [format!("{context:?}"), format!("{spec:?}")] {
            assert!(text.contains("API_KEY"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let pull = PullImageRequest { password: "hunter2".to_owned(), ..PullImageRequest::default() };
        assert!(!format!("{pull:?}").contains("hunter2"));
    }
}
