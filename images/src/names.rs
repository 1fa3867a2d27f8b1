//! What the images are called.

use deis_oci::Digest;

/// The registry of image references. Nothing answers there: images of this name are loaded into a node, never pulled.
const REGISTRY: &str = "deis.local";

/// The name of this one content: a changed image has another one, so that pods which name it roll.
pub fn content(name: &str, digest: Digest) -> String {
    format!("{REGISTRY}/deis/{name}:{}", digest.hex().get(..12).unwrap_or_default())
}

/// The name under which the chart looks for an image when it is given no values: that of the release.
pub fn release(name: &str) -> String {
    format!("{REGISTRY}/deis/{name}:{}", env!("CARGO_PKG_VERSION"))
}

/// Whether a reference is the second name of an image, that of the release.
pub fn is_release(reference: &str) -> bool {
    reference.rsplit_once(':').is_some_and(|(_, tag)| tag == env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_a_name_for_its_content_and_one_for_the_release() {
        let content = content("state", Digest::of(b"state"));
        assert_eq!(content.len(), "deis.local/deis/state:".len() + 12, "{content}");
        assert!(!is_release(&content));
        assert!(release("state").starts_with("deis.local/deis/state:"));
        assert!(is_release(&release("state")));
    }

    #[test]
    fn the_release_is_that_of_the_chart() {
        let chart = include_str!("../../charts/workflow/Chart.yaml");
        let version = chart.lines().find_map(|line| line.strip_prefix("appVersion: "));
        assert_eq!(version, Some(env!("CARGO_PKG_VERSION")));
    }
}
