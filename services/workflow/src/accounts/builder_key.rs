use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// What a builder outside of the platform shows instead of a token. Whoever knows it reads the variables of every app and releases in
/// every user's name, so that it is nothing that people make up.
#[derive(Clone, Debug)]
pub struct BuilderKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Option<PathBuf>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    changed: Option<SystemTime>,
    key: SecretString,
}

impl BuilderKey {
    /// The fewest bytes that it has.
    pub const MIN_LEN: usize = 32;

    /// A key that stays; `None` for one that can be guessed.
    #[must_use]
    pub fn new(text: SecretString) -> Option<Self> {
        (text.expose_secret().len() >= Self::MIN_LEN).then(|| Self::of(None, Current { changed: None, key: text }))
    }

    /// The key in a file, without a newline at its end. A changed one is taken up when the next builder calls; one that cannot be used is
    /// reported, and the old one stays.
    ///
    /// # Errors
    /// The file cannot be read, or holds a key that can be guessed.
    pub fn in_file(file: impl Into<PathBuf>) -> io::Result<Self> {
        let file = file.into();
        let current = Current { changed: modified(&file), key: read(&file)? };
        Ok(Self::of(Some(file), current))
    }

    fn of(file: Option<PathBuf>, current: Current) -> Self {
        Self(Arc::new(Inner { file, current: Mutex::new(current) }))
    }

    /// Whether somebody has shown it. How long the answer takes says nothing about it but its length.
    #[must_use]
    pub fn is(&self, shown: &[u8]) -> bool {
        let mut current = self.0.current.lock();
        if let Some(file) = &self.0.file {
            current.refresh(file);
        }
        current.key.expose_secret().as_bytes().ct_eq(shown).into()
    }
}

impl Current {
    /// Asking the file each time costs a microsecond, and needs no watcher.
    fn refresh(&mut self, file: &Path) {
        // Before it is read: a change meanwhile shows the next time.
        let changed = modified(file);
        if changed == self.changed {
            return;
        }
        self.changed = changed;
        match read(file) {
            Ok(key) => {
                tracing::info!("took up the outside builder's changed key");
                self.key = key;
            }
            Err(error) => {
                tracing::warn!(%error, "the outside builder's changed key cannot be used, the old one stays");
            }
        }
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|file| file.modified()).ok()
}

fn read(file: &Path) -> io::Result<SecretString> {
    let text = SecretString::from(fs::read_to_string(file)?);
    let key = SecretString::from(text.expose_secret().trim_end_matches('\n'));
    if key.expose_secret().len() >= BuilderKey::MIN_LEN {
        return Ok(key);
    }
    let problem = format!("the key has fewer than {} characters", BuilderKey::MIN_LEN);
    Err(io::Error::new(io::ErrorKind::InvalidData, problem))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_the_whole_key_is_the_key() {
        let text = "0123456789abcdef0123456789abcdef";
        let key = BuilderKey::new(text.into()).unwrap();
        assert!(key.is(text.as_bytes()));
        for other in ["", &text[1..], &text.to_uppercase(), &format!("{text}0")] {
            assert!(!key.is(other.as_bytes()), "{other}");
        }
        assert!(!format!("{key:?}").contains(text));
        assert!(BuilderKey::new(text[1..].into()).is_none());
        assert!(BuilderKey::new("".into()).is_none());
    }

    #[test]
    fn a_changed_key_is_taken_up_and_one_that_cannot_be_used_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("builder-key");
        let [old, new] = ["a", "b"].map(|letter| letter.repeat(32));
        let mut time = SystemTime::now();
        // As kubelet does: another file comes in the place of the one before.
        let mut put = |text: &str| {
            time += Duration::from_secs(60);
            let next = folder.path().join("next");
            fs::write(&next, text).unwrap();
            fs::File::options().write(true).open(&next).unwrap().set_modified(time).unwrap();
            fs::rename(next, &file).unwrap();
        };
        put(&format!("{old}\n"));
        let key = BuilderKey::in_file(&file).unwrap();
        let lent = key.clone();
        assert!(key.is(old.as_bytes()) && !key.is(new.as_bytes()));
        put("hunter2");
        assert!(key.is(old.as_bytes()) && !key.is(b"hunter2"));
        fs::remove_file(&file).unwrap();
        assert!(key.is(old.as_bytes()));
        put(&new);
        assert!(!key.is(old.as_bytes()) && key.is(new.as_bytes()));
        assert!(lent.is(new.as_bytes()), "all who ask go by the same");
        assert!(!format!("{key:?}").contains(&new));
    }
}
