use serde_json::{Value, json};

use crate::rendered::{DEFAULT, of_kind, template, text};

/// A change of what gets installed shows in the review of whoever makes it.
#[test]
fn the_chart_renders_as_it_did() {
    insta::assert_snapshot!(template(&[]));
}

#[test]
fn nothing_in_the_chart_is_a_secret() {
    assert_eq!(of_kind("Secret").count(), 0);
    let rendered = template(&[]);
    for word in ["BEGIN", "password:", "token:"] {
        assert!(!rendered.contains(word), "{word}");
    }
}

#[test]
fn every_object_is_the_platforms_and_says_where_it_lives() {
    for object in DEFAULT.iter() {
        let metadata = &object["metadata"];
        let name = text(&metadata["name"]);
        // The builders' claim has the name that a StatefulSet gave it.
        assert!(name.starts_with("deis-") || name == "repositories-deis-builder-0", "{name}");
        // By that the namespaces of apps are known, and the chart's one is none.
        let heritage = if object["kind"] == "Namespace" { Value::Null } else { json!("deis") };
        assert_eq!(metadata["labels"]["heritage"], heritage, "{name}");
        assert_eq!(metadata["labels"]["app.kubernetes.io/part-of"], "deis", "{name}");
        let is_cluster_wide = ["ClusterRole", "ClusterRoleBinding", "Namespace"].contains(&text(&object["kind"]));
        assert_eq!(metadata["namespace"].is_null(), is_cluster_wide, "{name}");
    }
}
