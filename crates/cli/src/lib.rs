//! What the two command lines, `deis` and `deisctl`, share: where text goes, output formats, how a failure is told,
//! progress, prompts, suggestions, deadlines, completions and manual pages.
//!
//! Data goes to stdout, everything said to a person about trouble to stderr. Colours and progress appear on a
//! terminal only; `NO_COLOR` switches colours off, and a terminal that cannot move (`TERM=dumb`) gets no progress. Tables are
//! fitted to a terminal and to nothing else.

mod completions;
pub mod deadline;
mod failure;
mod man;
mod output;
mod progress;
mod prompt;
mod suggest;
mod table;
mod ui;

pub use self::completions::{Shell, completions};
pub use self::failure::{Failure, Kind};
pub use self::man::{ManPage, ManSection, man_pages};
pub use self::output::{Format, OutputArgs};
pub use self::progress::Progress;
pub use self::prompt::{NoTerminal, ask, ask_secret};
pub use self::suggest::closest;
pub use self::table::{row, table, terminal_width};
pub use self::ui::Ui;
