use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};

/// An argument that is one of a few words. Shells complete them; another word is refused with the contract's sentence.
#[derive(Clone, Copy)]
pub struct Word<T: 'static> {
    pub words: &'static [(&'static str, T)],
    pub refusal: fn(&str) -> String,
}

impl<T: Copy + Send + Sync + 'static> TypedValueParser for Word<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let text = value.to_string_lossy();
        let found = self.words.iter().find(|(word, _)| *word == text);
        found
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| clap::Error::raw(ErrorKind::ValueValidation, (self.refusal)(&text)).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(|(word, _)| PossibleValue::new(*word))))
    }
}
