use crate::transcript::Machine;

#[test]
fn a_remote_is_added_once_and_replaced_when_forced() {
    let machine = Machine::in_repository();
    let transcript = machine.run_all(&[
        "git:remote -a earthy-instinct",
        "git:remote -a earthy-instinct",
        "git:remote -a other-app",
        "git:remote -a other-app --force",
        "git:remote -a other-app -r staging",
    ]);
    insta::assert_snapshot!(transcript + &machine.git(&["remote", "-v"]));
}

#[test]
fn a_name_that_looks_like_an_option_is_none() {
    insta::assert_snapshot!(Machine::in_repository().run("git:remote -a earthy-instinct --remote=--mirror"));
}

#[test]
fn every_remote_of_an_app_is_removed() {
    let machine = Machine::in_repository();
    let url = "ssh://git@deis-builder.example.com:2222/earthy-instinct.git";
    machine.git(&["remote", "add", "one", url]);
    machine.git(&["remote", "add", "two", url]);
    machine.git(&["remote", "add", "origin", "https://example.com/x.git"]);
    let transcript = machine.run_all(&["git:remove", "git:remove -a earthy-instinct"]);
    insta::assert_snapshot!(transcript + &machine.git(&["remote", "-v"]));
}

#[test]
fn outside_of_a_repository_git_says_so() {
    insta::assert_snapshot!(
        Machine::usual().run_all(&["git:remote -a earthy-instinct", "git:remove -a earthy-instinct"])
    );
}
