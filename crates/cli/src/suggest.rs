/// Jaro-Winkler: 1 is equal. Typos of names as short as `ps` stay above it, other words below.
const ALIKE: f64 = 0.8;

/// The candidate that `word` may have meant, if one is near enough.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_word_and_another_word_finds_none() {
        let commands = ["apps:create", "apps:list", "config:set", "create", "scale"];
        assert_eq!(closest("scael", commands), Some("scale"));
        assert_eq!(closest("confg:set", commands), Some("config:set"));
        assert_eq!(closest("apps:craete", commands), Some("apps:create"));
        assert_eq!(closest("zebra", commands), None);
        assert_eq!(closest("anything", []), None);
    }
}
