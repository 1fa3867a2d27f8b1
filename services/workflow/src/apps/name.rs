use deis_api::AppName;
use petname::lang::english::Petnames;
use rand::seq::IndexedRandom as _;

/// As in the original: names have the shape of `peachy-waxworks`.
const ADJECTIVE_LEN: usize = 6;
const NOUN_LEN: usize = 8;

/// A random name: an adjective of six letters and a noun of eight.
pub(super) fn random() -> Option<AppName> {
    let words = Petnames::default();
    let pick = |words: &[&'static str], length: usize| {
        let fitting = words.iter().copied().filter(|word| word.len() == length).collect::<Vec<_>>();
        fitting.choose(&mut rand::rng()).copied()
    };
    let adjective = pick(&words.adjectives, ADJECTIVE_LEN)?;
    let noun = pick(&words.nouns, NOUN_LEN)?;
    format!("{adjective}-{noun}").parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_have_the_shape_of_the_originals() {
        let names = (0..200).map(|_| random().unwrap().to_string()).collect::<BTreeSet<_>>();
        assert!(names.len() > 150, "hardly random");
        for name in names {
            let (adjective, noun) = name.split_once('-').unwrap();
            assert_eq!((adjective.len(), noun.len()), (6, 8), "{name}");
        }
    }
}
