//! `--timeout`, of every command that waits for a deploy.

use crate::stub::StubBuilder;
use crate::transcript::Machine;

/// One line of each command that changes something and waits until it is deployed; `config:edit` wants a terminal.
pub const CHANGES: &[&str] = &[
    "apps:destroy --confirm=earthy-instinct",
    "builds:create nginx",
    "config:push",
    "config:set A=1",
    "config:unset A",
    "healthchecks:set liveness tcpSocket 80",
    "healthchecks:unset liveness",
    "limits:set web=1G",
    "limits:unset web",
    "ps:restart",
    "ps:scale web=5",
    "registry:set username=bob",
    "registry:unset username",
    "releases:rollback",
    "tags:set disk=ssd",
    "tags:unset disk",
    "timeouts:set worker=300",
    "timeouts:unset web",
];

#[test]
fn who_waits_long_enough_is_told_what_goes_on() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    machine.write("project/.env", "A=1\n");
    let told = CHANGES.iter().chain(&["releases:watch v3"]).map(|line| {
        let told = machine.run(&format!("{line} -a earthy-instinct --timeout 50ms"));
        // Whether the request was there by then is the machine's business.
        told.split("--- asked").next().unwrap().trim_end().to_owned() + "\n\n"
    });
    insta::assert_snapshot!(told.collect::<String>());
}

#[test]
fn an_answer_in_time_is_an_answer() {
    insta::assert_snapshot!(Machine::usual().run("config:set A=1 -a earthy-instinct --timeout 5m"));
}

#[test]
fn what_is_no_time_is_refused() {
    let lines = ["scale web=1 --timeout soon", "scale web=1 --timeout 0", "rollback --timeout"];
    insta::assert_snapshot!(Machine::usual().run_all(&lines));
}

/// Every command that can wait has it, and says the same of it.
#[test]
fn it_is_known_wherever_a_deploy_is_waited_for() {
    let machine = Machine::usual();
    // What `apps:run` gives so much time is the command itself.
    let has_it =
        |name: &String| name != "apps:run" && machine.run(&format!("help {name}")).contains("--timeout <duration>");
    let mut found = machine.commands().into_iter().filter(has_it).collect::<Vec<_>>();
    found.sort();
    let mut expected = CHANGES.iter().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>();
    expected.extend(["config:edit", "releases:watch"]);
    expected.sort_unstable();
    assert_eq!(found, expected);
}
