//! From the arguments to a command, or to what is said instead.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use deis_cli::{Ui, closest, terminal_width};

use crate::commands::Command;

const OVERVIEW: &str = include_str!("overview.txt");
const USAGE: &str = "Usage: deis <command> [<args>...]\n";
/// On a terminal of fewer columns there is no room beside the options: what they mean goes below.
const NARROW: u16 = 60;

#[derive(Debug, Parser)]
#[command(
    name = "deis",
    about = "Create, configure, scale and watch your apps on Deis Workflow",
    version,
    override_usage = "deis <command> [<args>...]",
    override_help = OVERVIEW,
    infer_long_args = true,
    disable_help_subcommand = true,
    disable_version_flag = true
)]
pub struct Cli {
    /// Show the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

/// What is said in place of a command: help, or what is wrong with the arguments.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    stdout: String,
    stderr: String,
    code: u8,
    /// It may be a command that somebody else has added.
    pub is_unknown: bool,
}

impl Said {
    pub fn show(&self, ui: &mut Ui) -> ExitCode {
        match ui.text(&self.stdout).and_then(|()| ui.warn_text(&self.stderr)) {
            Ok(()) => ExitCode::from(self.code),
            Err(error) => ui.report(&error.into()),
        }
    }

    fn help(stdout: impl Into<String>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    fn refusal(stderr: impl Into<String>) -> Self {
        Self { stderr: stderr.into(), code: 1, ..Self::default() }
    }
}

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Said> {
    let arguments = help_as_option(arguments.into_iter().collect());
    let words = arguments.iter().skip(1).map(|argument| argument.to_string_lossy()).collect::<Vec<_>>();
    let words = words.iter().map(AsRef::as_ref).collect::<Vec<&str>>();
    match words.as_slice() {
        [] => return Err(Said::refusal(USAGE)),
        [group @ ("auth" | "git")] => return Err(Said::help(group_help(group))),
        [group, "-h" | "--help", ..] if is_group(group) => return Err(Said::help(group_help(group))),
        _ => {}
    }
    let command = Cli::command().next_line_help(terminal_width().is_some_and(|width| width < NARROW));
    match command.try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => Ok(cli.command),
        Err(error) => Err(said(&error, words.first().copied().unwrap_or_default())),
    }
}

/// `help apps:create` is `apps:create --help`, and `help` alone is `--help`.
fn help_as_option(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|word| word == "help") {
        arguments.remove(1);
        arguments.truncate(2);
        arguments.push("--help".into());
    }
    arguments
}

fn said(error: &clap::Error, command: &str) -> Said {
    match error.kind() {
        ErrorKind::DisplayHelp => Said::help(error.render().ansi().to_string()),
        ErrorKind::DisplayVersion => Said::help(concat!(env!("CARGO_PKG_VERSION"), "\n")),
        ErrorKind::InvalidSubcommand => unknown_command(command),
        _ => Said::refusal(format!("{}\n\n{}\n", reason(error), usage(command))),
    }
}

/// What is wrong, without the usage that follows it only at times.
fn reason(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|mark| text.find(mark)).min();
    let (reason, _) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((&text, ""));
    reason.trim_end().replacen("error:", "Error:", 1)
}

fn usage(command: &str) -> String {
    let mut cli = Cli::command();
    cli.build();
    match cli.find_subcommand_mut(command) {
        Some(command) => command.render_usage().to_string(),
        None => USAGE.trim_end().to_owned(),
    }
}

/// The contract answers an unknown action of a known group with success, and scripts have lived with it.
fn unknown_command(word: &str) -> Said {
    let mut stderr = String::from("Found no matching command, try 'deis help'\n");
    if let Some(name) = closest(word, names().iter().map(String::as_str)) {
        // Writing to a string does not fail.
        let _infallible = writeln!(stderr, "Did you mean 'deis {name}'?");
    }
    let known = word.split_once(':').is_some_and(|(group, _)| is_group(group));
    Said { stdout: String::new(), stderr: stderr + USAGE, code: u8::from(!known), is_unknown: !known }
}

/// The short names of commands and what they stand for; a bare group is none.
pub fn shortcuts() -> Vec<(String, String)> {
    let command = Cli::command();
    let targets = command.get_subcommands();
    targets
        .flat_map(|target| target.get_visible_aliases().map(move |alias| (alias, target.get_name())))
        .filter(|(alias, target)| !target.starts_with(&format!("{alias}:")))
        .map(|(alias, target)| (alias.to_owned(), target.to_owned()))
        .collect()
}

fn names() -> Vec<String> {
    let command = Cli::command();
    let subcommands = command.get_subcommands();
    subcommands
        .flat_map(|command| std::iter::once(command.get_name()).chain(command.get_visible_aliases()))
        .map(str::to_owned)
        .collect()
}

fn is_group(word: &str) -> bool {
    let prefix = format!("{word}:");
    names().iter().any(|name| name.starts_with(&prefix))
}

/// The commands of a group, one a line.
fn group_help(group: &str) -> String {
    let prefix = format!("{group}:");
    let command = Cli::command();
    // Shortcuts may make a group too, as `sharing:add` does.
    let members = command.get_subcommands().flat_map(|command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let names = std::iter::once(command.get_name()).chain(command.get_visible_aliases());
        names.filter(|name| name.starts_with(&prefix)).map(move |name| (name, about.clone())).collect::<Vec<_>>()
    });
    let members = members.collect::<Vec<_>>();
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    let lines = members.iter().map(|(name, about)| format!("  {name:width$}{about}\n")).collect::<String>();
    format!("Valid commands for {group}:\n\n{lines}\nUse 'deis help <command>' to learn more.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Said> {
        super::parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_group_and_every_plain_command_is_in_the_overview() {
        for name in names() {
            let word = name.split(':').next().unwrap();
            let listed = OVERVIEW.lines().any(|line| line.starts_with(&format!("  {word} ")));
            assert!(listed || word == "auth", "{word}");
        }
    }

    #[test]
    fn a_bare_group_lists() {
        for name in names().iter().filter_map(|name| name.strip_suffix(":list")) {
            let (bare, list) = (parse(&format!("deis {name}")).unwrap(), parse(&format!("deis {name}:list")).unwrap());
            assert_eq!(format!("{bare:?}"), format!("{list:?}"));
        }
    }

    #[test]
    fn options_may_stand_anywhere_and_be_shortened() {
        let command = parse("deis releases -a foo --lim 3 --output json").unwrap();
        assert!(format!("{command:?}").contains("limit: Some(3)"), "{command:?}");
        let command = parse("deis config:set A=1 --app foo B=-2 -c other").unwrap();
        assert!(format!("{command:?}").contains(r#"["A=1", "B=-2"]"#), "{command:?}");
    }

    #[test]
    fn help_comes_in_three_ways() {
        assert_eq!(parse("deis help").unwrap_err(), parse("deis --help").unwrap_err());
        assert_eq!(parse("deis help apps:create").unwrap_err(), parse("deis apps:create -h").unwrap_err());
        assert!(parse("deis help apps").unwrap_err().stdout.contains("apps:create"));
        assert_eq!(parse("deis git").unwrap_err(), parse("deis git --help").unwrap_err());
    }

    #[test]
    fn only_an_unknown_action_of_a_known_group_is_forgiven() {
        assert_eq!(parse("deis apps:craete").unwrap_err().code, 0);
        assert_eq!(parse("deis scael").unwrap_err().code, 1);
        assert_eq!(parse("deis").unwrap_err(), Said::refusal(USAGE));
    }
}
