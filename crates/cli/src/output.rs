use std::io;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::{Failure, Ui};

/// How a reading command answers: text for people, or one document for programs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Yaml,
}

/// `--output`, to be flattened into the arguments of every reading command.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// How to answer.
    #[arg(long, value_name = "format", value_enum, default_value_t)]
    pub output: Format,
}

impl OutputArgs {
    /// Shows `data`: as a document, or by `table` to a person.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn show<T: Serialize>(
        self,
        ui: &mut Ui,
        data: &T,
        table: impl FnOnce(&mut Ui, &T) -> io::Result<()>,
    ) -> Result<(), Failure> {
        match self.output {
            Format::Table => table(ui, data)?,
            Format::Json => ui.line(serde_json::to_string_pretty(data)?)?,
            Format::Yaml => ui.text(serde_saphyr::to_string(data)?)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn data_is_shown_in_each_format() {
        let data = BTreeMap::from([("id", "earthy-instinct"), ("owner", "bob")]);
        let shown = |output| {
            let (mut ui, stdout, _) = Ui::captured();
            OutputArgs { output }.show(&mut ui, &data, |ui, data| ui.line(data["id"])).unwrap();
            stdout.text()
        };
        assert_eq!(shown(Format::Table), "earthy-instinct\n");
        assert_eq!(shown(Format::Json), "{\n  \"id\": \"earthy-instinct\",\n  \"owner\": \"bob\"\n}\n");
        assert_eq!(shown(Format::Yaml), "id: earthy-instinct\nowner: bob\n");
    }
}
