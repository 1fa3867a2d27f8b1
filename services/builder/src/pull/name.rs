//! The name of an image, as people write it.

use std::fmt;

use deis_api::Code;
use oci_client::Reference;

use super::refused;
use crate::Error;

/// Parts of the platform: nobody's image may look like one of them.
const RESERVED: [&str; 12] = [
    "builder",
    "controller",
    "database",
    "dockerbuilder",
    "etcd",
    "minio",
    "registry",
    "router",
    "slugbuilder",
    "slugrunner",
    "workflow",
    "workflow-manager",
];

/// Registry, repository and tag or digest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ImageName {
    /// Without its tag or digest, as the user wrote it.
    repository: String,
    reference: Reference,
}

impl ImageName {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let reference = text.parse::<Reference>().map_err(|error| {
            refused(Code::InvalidArgument, format!("\"{}\" is not the name of an image: {error}.", plain(text)))
        })?;
        let repository = text.split('@').next().unwrap_or_default();
        let repository = match repository.rsplit_once(':') {
            // A colon before a slash belongs to a port.
            Some((head, tag)) if !tag.contains('/') => head,
            _ => repository,
        };
        if RESERVED.iter().any(|part| repository.contains(&format!("deis/{part}"))) {
            let message = format!("Repository name {repository} is not allowed, as it is reserved by Deis");
            return Err(refused(Code::PermissionDenied, message));
        }
        Ok(Self { repository: repository.to_owned(), reference })
    }

    /// "registry.example.com:5000"; Docker's own registry under the name that serves it.
    pub(super) fn registry(&self) -> &str {
        self.reference.resolve_registry()
    }

    /// "team/web".
    pub(super) fn path(&self) -> &str {
        self.reference.repository()
    }

    /// The tag or digest that is asked for.
    pub(super) fn wanted(&self) -> &str {
        self.reference.digest().or(self.reference.tag()).unwrap_or("latest")
    }

    pub(super) fn digest(&self) -> Option<&str> {
        self.reference.digest()
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.digest().is_some() { '@' } else { ':' };
        write!(f, "{}{separator}{}", self.repository, self.wanted())
    }
}

/// What somebody typed, for a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_people_write_them() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, registry, path, shown) in [
            ("nginx", "index.docker.io", "library/nginx", "nginx:latest"),
            ("deis/example-go:2", "index.docker.io", "deis/example-go", "deis/example-go:2"),
            (
                "registry.example.com/team/web:1.2",
                "registry.example.com",
                "team/web",
                "registry.example.com/team/web:1.2",
            ),
            ("localhost:5000/web", "localhost:5000", "web", "localhost:5000/web:latest"),
            (&format!("quay.io/web@{digest}"), "quay.io", "web", &format!("quay.io/web@{digest}")),
        ] {
            let name = ImageName::parse(text).unwrap();
            assert_eq!((name.registry(), name.path(), name.to_string().as_str()), (registry, path, shown));
        }
    }

    #[test]
    fn names_of_the_platform_are_reserved() {
        for (text, shown) in [
            ("deis/builder", "deis/builder"),
            ("quay.io/deis/workflow-manager:v2", "quay.io/deis/workflow-manager"),
            ("mydeis/routers:1", "mydeis/routers"),
        ] {
            let error = ImageName::parse(text).unwrap_err();
            let sentence = format!("Repository name {shown} is not allowed, as it is reserved by Deis");
            assert_eq!((error.code(), error.to_string()), (Code::PermissionDenied, sentence));
        }
    }

    #[test]
    fn what_is_no_name() {
        for text in ["", "UPPER", "a b", "web@sha256:123", "http://example.com/web", "../web", "web:\u{1b}[2J"] {
            let error = ImageName::parse(text).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{text}");
            assert!(!error.to_string().contains('\u{1b}'));
        }
    }
}
