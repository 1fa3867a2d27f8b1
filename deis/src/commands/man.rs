use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use deis_cli::{Failure, ManPage, ManSection, man_pages};

use crate::cli::Cli;
use crate::context::Context;

/// Print the manual page deis(1), or write those of all commands, ex: deis man | man -l -
#[derive(Debug, Args)]
pub struct Man {
    /// Write deis(1) and a page of each command to this folder, which is made if need be
    #[arg(long, value_name = "dir")]
    dir: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written", .0.display())]
struct Unwritable(PathBuf, #[source] io::Error);

/// What deis(1) says beside what the arguments declare.
const SECTIONS: &[ManSection<'_>] = &[
    (
        "EXIT STATUS",
        &[
            ("0", "The command was done. When it waits for a deploy, the new processes serve."),
            ("1", "It failed, and standard error says why."),
            ("124", "The time of --timeout is over. The change goes on."),
            ("130", "Ctrl-C ended the wait. The change goes on."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "DEIS_APP",
                "The app, when --app is not given; else that of the first git remote that leads to the platform.",
            ),
            ("DEIS_PROFILE", "The profile, when --config is not given."),
            ("DEIS_CONTROLLER, DEIS_TOKEN", "The controller and the token, in place of those in the profile's file."),
            ("DEIS_DRINK_OF_CHOICE", "What comes first."),
            ("VISUAL, EDITOR", "The editor of config:edit; the first of them that is set, else vi."),
            ("http_proxy, https_proxy, no_proxy", "The way to the controller."),
            ("NO_COLOR", "If it is not empty: no colours, on a terminal either."),
            ("TERM", "If it is dumb: no colours and no mark that moves."),
        ],
    ),
    ("FILES", &[("~/.deis/client.json", "The login of the profile client; other profiles have files beside it.")]),
];

impl Man {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let pages = man_pages(Cli::command(), SECTIONS)?;
        match (self.dir, pages.first()) {
            (Some(dir), _) => {
                write(&dir, &pages)?;
                context.ui.line(format_args!("{} manual pages written to {}", pages.len(), dir.display()))?;
            }
            (None, Some(first)) => context.ui.text(&first.text)?,
            (None, None) => {}
        }
        Ok(())
    }
}

fn write(dir: &Path, pages: &[ManPage]) -> Result<(), Unwritable> {
    let failure = |path: &Path| {
        let path = path.to_owned();
        |error| Unwritable(path, error)
    };
    fs::create_dir_all(dir).map_err(failure(dir))?;
    pages.iter().try_for_each(|page| {
        let path = dir.join(&page.file_name);
        fs::write(&path, &page.text).map_err(failure(&path))
    })
}
