use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::stub::{Answer, StubBuilder, app, page};
use crate::transcript::Machine;

#[test]
fn create_finds_a_name_and_adds_the_remote() {
    let machine = Machine::in_repository();
    insta::assert_snapshot!(machine.run("create") + &machine.git(&["remote", "-v"]));
}

#[test]
fn create_with_options() {
    let machine = Machine::in_repository();
    insta::assert_snapshot!(machine.run_all(&[
        "apps:create earthy-instinct --no-remote",
        "create earthy-instinct -r production -b https://example.com/buildpack",
    ]));
}

#[test]
fn create_leaves_a_remote_of_that_name_alone() {
    let machine = Machine::in_repository();
    machine.git(&["remote", "add", "deis", "ssh://git@elsewhere/x.git"]);
    insta::assert_snapshot!(machine.run("create"));
}

#[test]
fn create_outside_of_a_repository_says_how_to_go_on() {
    insta::assert_snapshot!(Machine::usual().run("create"));
}

#[test]
fn create_tells_why_a_name_is_refused() {
    let taken = Answer::new(400, json!({"id": ["Application with this id already exists."]})).code("already-exists");
    let machine = Machine::logged_in(StubBuilder::new().answer("POST /v2/apps/", taken));
    insta::assert_snapshot!(machine.run("create earthy-instinct"));
    let reserved = Answer::new(400, json!({"id": ["deis is a reserved name."]})).code("invalid-argument");
    let machine = Machine::logged_in(StubBuilder::new().answer("POST /v2/apps/", reserved));
    insta::assert_snapshot!(machine.run("create deis"));
}

#[test]
fn apps_are_listed_in_every_format() {
    let machine = Machine::usual();
    insta::assert_snapshot!(machine.run_all(&["apps", "apps:list --output json", "apps:list --output=yaml"]));
}

#[test]
fn a_part_of_the_apps_says_of_how_many() {
    let part = Answer::new(200, page(17, json!([app("a"), app("b")])));
    let machine = Machine::logged_in(StubBuilder::new().answer("GET /v2/apps/", part));
    insta::assert_snapshot!(machine.run("apps --limit 2"));
}

#[test]
fn info_shows_all_of_an_app() {
    let machine = Machine::usual();
    insta::assert_snapshot!(
        machine.run_all(&["info -a earthy-instinct", "apps:info -a earthy-instinct --output json"])
    );
}

#[test]
fn a_misspelt_app_is_suggested() {
    let machine = Machine::usual();
    insta::assert_snapshot!(machine.run_all(&[
        "info -a earthy-instict",
        "info -a zebra",
        "info -a -x",
        "info -a Nope"
    ]));
}

#[test]
fn the_app_is_found_by_option_variable_remote_and_directory() {
    let machine = Machine::in_repository();
    let variable = [("DEIS_APP", "of-variable")];
    let mut transcript = machine.run("config -a of-option") + &machine.run_with("config", &variable, "");
    transcript += &machine.run("config");
    machine.git(&["remote", "add", "prod", "ssh://git@deis-builder.example.com:2222/of-remote.git"]);
    transcript += &machine.run("config");
    transcript += &machine.run_with("config", &[("DEIS_APP", "No App")], "");
    insta::assert_snapshot!(transcript);
}

#[test]
fn open_starts_the_browser() {
    let machine = Machine::usual();
    let missing = machine.run_with("open -a earthy-instinct", &[("PATH", "/nowhere")], "");
    machine.write("bin/xdg-open", "#!/bin/sh\necho \"$@\" > opened\n");
    fs::set_permissions(machine.path("bin/xdg-open"), Permissions::from_mode(0o755)).unwrap();
    let opened = machine.run("open -a earthy-instinct");
    insta::assert_snapshot!(missing + &opened + &fs::read_to_string(machine.path("project/opened")).unwrap());
}

#[test]
fn open_without_a_domain() {
    let none = Answer::new(200, page(0, json!([])));
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/domains/", none);
    insta::assert_snapshot!(Machine::logged_in(stub).run("open -a earthy-instinct"));
}

#[test]
fn an_app_is_transferred() {
    insta::assert_snapshot!(Machine::usual().run("apps:transfer alice -a earthy-instinct"));
}

#[test]
fn refused_transfers_are_told() {
    let refusals = [
        Answer::new(404, json!("No User matches the given query.")).code("not-found"),
        Answer::new(403, json!({"detail": "You do not have permission to perform this action."}))
            .code("permission-denied"),
    ];
    let told = refusals.map(|refusal| {
        let stub = StubBuilder::new().answer("POST /v2/apps/earthy-instinct/", refusal);
        Machine::logged_in(stub).run("apps:transfer zoe -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn administrators_let_images_run_as_root() {
    let machine = Machine::usual();
    let mut told = machine.run_all(&["apps:allow-root -a earthy-instinct", "apps:forbid-root -a earthy-instinct"]);
    let needed = "earthy-instinct runs an image as root (v3): its pods could not start again. Deploy another first.";
    for refusal in [
        Answer::new(403, json!({"detail": "You do not have permission to perform this action."}))
            .code("permission-denied"),
        Answer::new(400, json!({ "detail": needed })).code("failed-precondition"),
    ] {
        let stub = StubBuilder::new().answer("DELETE /v2/apps/earthy-instinct/root/", refusal);
        told += &Machine::logged_in(stub).run("apps:forbid-root -a earthy-instinct");
    }
    let mut allowed = app("earthy-instinct");
    allowed["allow_root"] = true.into();
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/", Answer::new(200, allowed));
    insta::assert_snapshot!(told + &Machine::logged_in(stub).run("info -a earthy-instinct"));
}

#[test]
fn an_app_is_destroyed_with_its_remotes() {
    let machine = Machine::in_repository();
    machine.git(&["remote", "add", "deis", "ssh://git@deis-builder.example.com:2222/earthy-instinct.git"]);
    machine.git(&["remote", "add", "origin", "https://example.com/x.git"]);
    let transcript = machine.run("destroy --confirm=earthy-instinct") + &machine.git(&["remote"]);
    insta::assert_snapshot!(
        transcript + &Machine::usual().run("apps:destroy -a earthy-instinct --confirm earthy-instinct")
    );
}

#[test]
fn what_is_not_confirmed_is_not_destroyed() {
    insta::assert_snapshot!(
        Machine::usual().run_all(&["destroy -a earthy-instinct --confirm=earthy", "destroy -a earthy-instinct"])
    );
}

#[test]
fn a_destruction_that_does_not_end_is_told() {
    let stuck =
        json!({"detail": "Kubernetes still has the namespace earthy-instinct: a finalizer of Widget/x holds it."});
    let refusals = [
        Answer::new(403, json!({"detail": "no"})).code("permission-denied"),
        Answer::new(503, stuck).code("unavailable"),
    ];
    let told = refusals.map(|refusal| {
        let stub = StubBuilder::new().answer("DELETE /v2/apps/earthy-instinct/", refusal);
        Machine::logged_in(stub).run("destroy -a earthy-instinct --confirm=earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}
