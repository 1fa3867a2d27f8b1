//! Which refs are built.

use deis_api::GitSha;

use crate::Error;

/// The branches that are built.
const BUILT: [&str; 2] = ["refs/heads/master", "refs/heads/main"];

/// One line of a pre-receive hook's input (githooks, "pre-receive").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) old: GitSha,
    pub(crate) new: GitSha,
    pub(crate) name: String,
}

impl Update {
    /// Parses all lines; none when one is malformed.
    pub(crate) fn parse(text: &str) -> Option<Vec<Self>> {
        let parse = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let (old, new, name) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
            Some(Self { old, new, name: name.to_owned() })
        };
        text.lines().map(parse).collect()
    }
}

/// The one ref to build, or why there is none: one sentence, about the first that is not built.
pub(crate) fn to_build(updates: &[Update]) -> Result<&Update, Error> {
    if let Some(update) = updates.iter().find(|update| update.new.is_zero() || !BUILT.contains(&update.name.as_str())) {
        return Err(Error::Ref(refusal(update)));
    }
    match updates {
        [only] => Ok(only),
        [] => Err(Error::Ref("Nothing was pushed.".to_owned())),
        _ => Err(Error::Ref("Push either master or main, not both at once: each push is one release.".to_owned())),
    }
}

fn refusal(update: &Update) -> String {
    let name = plain(&update.name);
    let kind = [("refs/heads/", "branch"), ("refs/tags/", "tag")];
    let named = kind.iter().find_map(|(prefix, kind)| Some((*kind, name.strip_prefix(prefix)?)));
    match (named, update.new.is_zero()) {
        (Some((kind, name)), true) => {
            format!("The {kind} {name} cannot be deleted here: the app's releases refer to it.")
        }
        (None, true) => format!("{name} cannot be deleted here."),
        (Some(("tag", name)), false) => {
            format!("Tags are not built. To deploy this one: git push deis {name}^{{}}:refs/heads/master")
        }
        (Some((_, name)), false) => {
            format!("Only the branches master and main are built. To deploy this one: git push deis {name}:master")
        }
        (None, false) => format!("Only the branches master and main are built, not {name}."),
    }
}

/// A ref's name can hold anything but control characters; it is shown on a terminal.
fn plain(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: &str = "0000000000000000000000000000000000000000";
    const NEW: &str = "acaa8a5f00000000000000000000000000000000";

    fn decide(lines: &[(&str, &str, &str)]) -> Result<String, String> {
        let text = lines.iter().map(|(old, new, name)| format!("{old} {new} {name}\n")).collect::<String>();
        let updates = Update::parse(&text).unwrap();
        to_build(&updates).map(|update| update.new.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn master_and_main_are_built() {
        for name in BUILT {
            assert_eq!(decide(&[(ZERO, NEW, name)]), Ok(NEW.to_owned()));
            assert_eq!(decide(&[(NEW, NEW, name)]), Ok(NEW.to_owned()));
        }
    }

    #[test]
    fn each_other_ref_has_its_sentence() {
        for (update, sentence) in [
            (
                (ZERO, NEW, "refs/heads/feature/x"),
                "Only the branches master and main are built. To deploy this one: git push deis feature/x:master",
            ),
            (
                (ZERO, NEW, "refs/heads/-x"),
                "Only the branches master and main are built. To deploy this one: git push deis -x:master",
            ),
            (
                (ZERO, NEW, "refs/heads/Master"),
                "Only the branches master and main are built. To deploy this one: git push deis Master:master",
            ),
            (
                (ZERO, NEW, "refs/tags/v1"),
                "Tags are not built. To deploy this one: git push deis v1^{}:refs/heads/master",
            ),
            (
                (ZERO, NEW, "refs/tags/master"),
                "Tags are not built. To deploy this one: git push deis master^{}:refs/heads/master",
            ),
            ((ZERO, NEW, "refs/notes/x"), "Only the branches master and main are built, not refs/notes/x."),
            (
                (NEW, ZERO, "refs/heads/master"),
                "The branch master cannot be deleted here: the app's releases refer to it.",
            ),
            ((NEW, ZERO, "refs/tags/v1"), "The tag v1 cannot be deleted here: the app's releases refer to it."),
            ((NEW, ZERO, "refs/notes/x"), "refs/notes/x cannot be deleted here."),
        ] {
            assert_eq!(decide(&[update]), Err(sentence.to_owned()));
            // One that is built does not carry another one through.
            assert_eq!(decide(&[(ZERO, NEW, "refs/heads/main"), update]), Err(sentence.to_owned()));
        }
        let both = decide(&[(ZERO, NEW, "refs/heads/main"), (ZERO, NEW, "refs/heads/master")]);
        assert_eq!(both, Err("Push either master or main, not both at once: each push is one release.".to_owned()));
        assert_eq!(decide(&[]), Err("Nothing was pushed.".to_owned()));
    }

    #[test]
    fn malformed_lines_are_none() {
        for text in [
            "x",
            &format!("{ZERO} {NEW}"),
            &format!("{ZERO} short refs/heads/main"),
            &format!("{ZERO} {} a", "g".repeat(40)),
        ] {
            assert_eq!(Update::parse(text), None, "{text}");
        }
    }
}
