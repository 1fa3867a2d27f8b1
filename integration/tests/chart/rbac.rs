use std::fmt::Write as _;

use serde_json::Value;

use crate::rendered::{DEFAULT, list, pod_templates, text, texts, title};

/// Every right in the chart, a line for each kind of object. A service that calls something new has to come by here.
#[test]
fn nobody_may_more_than_its_code_calls() {
    insta::assert_snapshot!(rights());
}

fn rights() -> String {
    let mut lines = String::new();
    for role in DEFAULT.iter().filter(|object| object["rules"].is_array()) {
        writeln!(lines, "{}", title(role)).unwrap();
        for rule in list(&role["rules"]) {
            let names = texts(&rule["resourceNames"]);
            let only = if names.is_empty() { String::new() } else { format!(" ({} by name)", names.len()) };
            let (resources, verbs) = (texts(&rule["resources"]).join(" "), texts(&rule["verbs"]).join(" "));
            writeln!(lines, "  {resources}: {verbs}{only}").unwrap();
        }
    }
    lines
}

#[test]
fn no_right_is_given_wholesale() {
    for role in DEFAULT.iter().filter(|object| object["rules"].is_array()) {
        for rule in list(&role["rules"]) {
            for field in ["apiGroups", "resources", "verbs"] {
                assert!(!texts(&rule[field]).contains(&"*"), "{}", title(role));
            }
        }
    }
}

#[test]
fn only_the_ledger_and_init_may_touch_secrets() {
    let reach = |role: &&Value| list(&role["rules"]).iter().any(|rule| texts(&rule["resources"]).contains(&"secrets"));
    let roles = DEFAULT.iter().filter(|object| object["rules"].is_array()).filter(reach).map(title);
    let mut roles: Vec<_> = roles.collect();
    roles.sort();
    let of_certificates = ["Role deis-router-certificates", "Role deis-workflow-certificates"];
    let expected =
        [&["ClusterRole deis-workflow", "Role deis-init", "Role deis-renewal"][..], &of_certificates].concat();
    assert_eq!(roles, expected);
}

/// Certificates have a namespace of their own, so that whoever reads them reads nothing else.
#[test]
fn routers_read_no_secret_but_certificates() {
    let role = crate::rendered::one("Role", "deis-router-certificates");
    assert_eq!(role["metadata"]["namespace"], "deis-certificates");
    assert_eq!(texts(&list(&role["rules"])[0]["verbs"]), ["list", "watch"]);
}

#[test]
fn every_pod_has_an_account_of_its_own_and_those_without_rights_have_no_token() {
    let bound: Vec<_> = DEFAULT
        .iter()
        .filter(|object| object["subjects"].is_array())
        .flat_map(|binding| list(&binding["subjects"]))
        .map(|subject| text(&subject["name"]))
        .collect();
    let mut accounts = Vec::new();
    for (title, pod) in pod_templates(&DEFAULT) {
        let account = text(&pod["spec"]["serviceAccountName"]);
        assert!(!accounts.contains(&account), "{title} shares {account}");
        accounts.push(account);
        let has_token = pod["spec"]["automountServiceAccountToken"] != false;
        assert_eq!(has_token, bound.contains(&account), "{title}");
    }
}
