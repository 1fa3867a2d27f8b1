//! Manual pages, out of the declaration that parses the arguments.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// A manual page: the file's name and its text for `man`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ManPage {
    /// `deis-apps:create.1`
    pub file_name: String,
    pub text: String,
}

/// A part of the first page that the declaration does not know: a heading, and terms with what they mean.
pub type ManSection<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// The page of a command line with `sections`, then one of each of its commands.
///
/// # Errors
/// None in practice: they are written to memory.
pub fn man_pages(command: Command, sections: &[ManSection<'_>]) -> io::Result<Vec<ManPage>> {
    // `help` is explained by the first page.
    let mut command = command.disable_help_subcommand(true);
    // Gives the commands their full names.
    command.build();
    let commands = command.get_subcommands().cloned().collect::<Vec<_>>();
    let first = page(command, sections);
    std::iter::once(first).chain(commands.into_iter().map(|command| page(command, &[]))).collect()
}

fn page(command: Command, sections: &[ManSection<'_>]) -> io::Result<ManPage> {
    let has_commands = command.has_subcommands();
    let (short_names, notes) = (short_names(&command), notes(&command));
    // Pages are the same wherever they are written, so they have no date; an empty one would be taken for a missing argument.
    let man = Man::new(command)
        .date(" ")
        .source(concat!("Deis Workflow ", env!("CARGO_PKG_VERSION")))
        .manual("Deis Workflow Manual");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if let Some(names) = short_names {
        Roff::new().control("PP", []).text([roman(names)]).to_writer(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    if has_commands {
        man.render_subcommands_section(&mut text)?;
    }
    for (heading, entries) in sections {
        section(heading, entries).to_writer(&mut text)?;
    }
    if let Some(notes) = notes {
        notes.to_writer(&mut text)?;
    }
    Ok(ManPage { file_name: man.get_filename(), text: String::from_utf8_lossy(&text).into_owned() })
}

/// The names by which a command is known beside its own.
fn short_names(command: &Command) -> Option<String> {
    let names = command.get_visible_aliases().collect::<Vec<_>>();
    (!names.is_empty()).then(|| format!("Short: {}.", names.join(", ")))
}

/// What stands below the help, line by line.
fn notes(command: &Command) -> Option<Roff> {
    let notes = command.get_after_help()?.to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]).control("nf", []);
    for line in notes.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    Some(roff)
}

fn section(heading: &str, entries: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (term, meaning) in entries {
        roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_the_first_has_the_sections() {
        let create = Command::new("apps:create").visible_alias("create").about("Make an app");
        let create = create.after_help("Examples:\n  deis create hello");
        let command = Command::new("deis").about("Look after apps").subcommand(create);
        let pages = man_pages(command, &[("EXIT STATUS", &[("0", "done"), ("1", "-failed-")])]).unwrap();
        let names = pages.iter().map(|page| page.file_name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["deis.1", "deis-apps:create.1"]);
        let text = pages.iter().map(|page| page.text.as_str()).collect::<String>();
        insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "{version}"));
    }
}
