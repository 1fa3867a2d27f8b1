use std::collections::BTreeSet;

use crate::rendered::{DEFAULT, list, objects, of_kind, one, pod_templates, template, text, texts};

#[test]
fn init_runs_before_everything_else_with_rights_that_go_with_it() {
    let hooks: Vec<_> =
        DEFAULT.iter().filter(|object| object["metadata"]["annotations"]["helm.sh/hook"].is_string()).collect();
    let kinds: BTreeSet<_> = hooks.iter().map(|hook| text(&hook["kind"])).collect();
    assert_eq!(kinds, BTreeSet::from(["Job", "Role", "RoleBinding", "ServiceAccount"]));
    for hook in hooks {
        let annotations = &hook["metadata"]["annotations"];
        assert_eq!(annotations["helm.sh/hook"], "pre-install,pre-upgrade");
        assert_eq!(annotations["helm.sh/hook-delete-policy"], "before-hook-creation,hook-succeeded");
        let weight = if hook["kind"] == "Job" { "0" } else { "-1" };
        assert_eq!(annotations["helm.sh/hook-weight"], weight, "{}", hook["kind"]);
    }
}

#[test]
fn the_job_of_another_version_is_another_job() {
    let name = |arguments: &[&str]| {
        let rendered = objects(&template(arguments));
        let job = rendered.iter().find(|object| object["kind"] == "Job").unwrap();
        text(&job["metadata"]["name"]).to_owned()
    };
    let default = name(&[]);
    assert_eq!(default, name(&[]));
    assert_ne!(default, name(&["--set", "images.deisctl=registry.example.com/deisctl:2"]));
    assert_ne!(default, name(&["--set", "domain=example.com"]));
}

#[test]
fn certificates_are_renewed_without_an_upgrade() {
    let job = of_kind("Job").next().unwrap();
    let renewal = &one("CronJob", "deis-renewal")["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(job["spec"]["template"]["spec"]["containers"], renewal["containers"]);
}

/// Init may read the Secrets that it makes, and makes all that any pod waits for.
#[test]
fn pods_wait_for_no_secret_that_init_does_not_make() {
    let made: BTreeSet<_> =
        list(&one("Role", "deis-init")["rules"]).iter().flat_map(|rule| texts(&rule["resourceNames"])).collect();
    let mut mounted = BTreeSet::new();
    for (_, pod) in pod_templates(&DEFAULT) {
        mounted
            .extend(list(&pod["spec"]["volumes"]).iter().filter_map(|volume| volume["secret"]["secretName"].as_str()));
        let environment = list(&pod["spec"]["containers"]).iter().flat_map(|container| list(&container["env"]));
        mounted.extend(environment.filter_map(|variable| variable["valueFrom"]["secretKeyRef"]["name"].as_str()));
    }
    assert!(mounted.is_subset(&made), "{:?}", mounted.difference(&made));
    let unused: Vec<_> = made.difference(&mounted).copied().collect();
    assert_eq!(unused, ["deis-ca", "deis-etcd-ca", "deis-operator-tls"]);
}
