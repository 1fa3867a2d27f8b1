use std::fs;

use crate::reference;
use crate::stub::StubBuilder;
use crate::transcript::Machine;

#[test]
fn deis_has_a_page_and_so_has_each_command() {
    let machine = Machine::fresh(StubBuilder::new());
    let told = machine.run("man --dir man/man1");
    let folder = machine.path("project/man/man1");
    let found = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut expected = machine.commands().iter().map(|name| format!("deis-{name}.1")).collect::<Vec<_>>();
    expected.push("deis.1".to_owned());
    expected.sort_unstable();
    let mut found = found.collect::<Vec<_>>();
    found.sort_unstable();
    assert_eq!(found, expected);

    let pages = ["deis.1", "deis-ps:scale.1"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
    assert_eq!(machine.run("man").split_once('\n').unwrap().1.trim_end(), pages[0].trim_end());
    let pages = pages.concat().replace(env!("CARGO_PKG_VERSION"), "{version}");
    insta::assert_snapshot!(told.replace(&format!("{} manual", found.len()), "{all} manual") + &pages);
}

#[test]
fn the_first_page_knows_every_variable_of_the_reference() {
    let page = Machine::fresh(StubBuilder::new()).run("man");
    let names = reference::HEAD.lines().filter(|line| line.starts_with("| `")).flat_map(|line| {
        line.split('|').nth(1).unwrap().split(',').map(|name| name.trim().trim_matches('`').to_owned())
    });
    for name in names {
        assert!(page.contains(&name), "{name}: {page}");
    }
}

#[test]
fn what_cannot_be_written_is_told() {
    let machine = Machine::fresh(StubBuilder::new());
    machine.write("project/file", "");
    insta::assert_snapshot!(machine.run_all(&["man --dir file/man1", "man --dir", "help man"]));
}
