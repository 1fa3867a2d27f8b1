//! Which groups of buildpacks are tried, in which order (Buildpack specification, "order.toml").

use std::fs;
use std::path::Path;

use libcnb_data::buildpack::{Group, Order};

use crate::Failure;
use crate::buildpack::{Buildpack, Descriptor, Store};

/// How deep composite buildpacks may hold each other.
const MAX_DEPTH: usize = 8;

/// A buildpack of a group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) buildpack: Buildpack,
    pub(crate) optional: bool,
}

#[derive(serde::Deserialize)]
struct OrderFile {
    order: Vec<Order>,
}

/// The groups of `{cnb}/order.toml`, with composite buildpacks replaced by what they are made of.
pub(crate) fn read(cnb: &Path) -> Result<Vec<Vec<Candidate>>, Failure> {
    let path = cnb.join("order.toml");
    let text = fs::read_to_string(&path).map_err(|error| Failure::build_image(&path)(error.to_string()))?;
    let file: OrderFile = toml::from_str(&text).map_err(|error| Failure::build_image(&path)(error.to_string()))?;
    expand(&file.order, &Store::new(cnb), MAX_DEPTH)
}

/// Every group of `order`; one that holds a composite buildpack becomes one group for each of the composite's own.
fn expand(order: &[Order], store: &Store, depth: usize) -> Result<Vec<Vec<Candidate>>, Failure> {
    let mut groups = Vec::new();
    for entry in order {
        let mut expanded = vec![Vec::new()];
        for element in &entry.group {
            let alternatives = alternatives(element, store, depth)?;
            expanded = expanded
                .iter()
                .flat_map(|head| alternatives.iter().map(move |tail| [head.as_slice(), tail].concat()))
                .collect();
        }
        groups.extend(expanded);
    }
    Ok(groups)
}

fn alternatives(element: &Group, store: &Store, depth: usize) -> Result<Vec<Vec<Candidate>>, Failure> {
    match store.load(element.id.as_str(), &element.version.to_string())? {
        Descriptor::Component(buildpack) => Ok(vec![vec![Candidate { buildpack, optional: element.optional }]]),
        Descriptor::Composite(order) => {
            let problem = || Failure::build_image(element.id.as_str())("composite buildpacks go in circles".to_owned());
            let mut groups = expand(&order, store, depth.checked_sub(1).ok_or_else(problem)?)?;
            if element.optional {
                groups.push(Vec::new());
            }
            Ok(groups)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(files: &[(&str, &str)]) -> tempfile::TempDir {
        let cnb = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = cnb.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        cnb
    }

    fn buildpack(id: &str, rest: &str) -> (String, String) {
        let path = format!("buildpacks/{id}/1.0.0/buildpack.toml");
        (path, format!("api = \"0.10\"\n[buildpack]\nid = \"{id}\"\nversion = \"1.0.0\"\n{rest}"))
    }

    fn group(ids: &[&str]) -> String {
        let elements = ids.iter().map(|id| {
            let (id, optional) = id.strip_suffix('?').map_or((*id, false), |id| (id, true));
            format!("[[order.group]]\nid = \"{id}\"\nversion = \"1.0.0\"\noptional = {optional}\n")
        });
        format!("[[order]]\n{}", elements.collect::<String>())
    }

    fn names(groups: &[Vec<Candidate>]) -> Vec<Vec<String>> {
        let name =
            |candidate: &Candidate| format!("{}{}", candidate.buildpack.id, if candidate.optional { "?" } else { "" });
        groups.iter().map(|group| group.iter().map(name).collect()).collect()
    }

    #[test]
    fn composites_become_one_group_for_each_of_theirs() {
        let files = [
            buildpack("a", ""),
            buildpack("b", ""),
            buildpack("c", ""),
            buildpack("both", &format!("{}{}", group(&["b"]), group(&["c", "b?"]))),
            ("order.toml".to_owned(), format!("{}{}", group(&["a?", "both"]), group(&["a"]))),
        ];
        let files = files.each_ref().map(|(path, text)| (path.as_str(), text.as_str()));
        let cnb = store(&files);
        let groups = read(cnb.path()).unwrap();
        assert_eq!(names(&groups), [vec!["a?", "b"], vec!["a?", "c", "b?"], vec!["a"]]);
    }

    #[test]
    fn circles_and_unknown_buildpacks_are_refused() {
        let files = [buildpack("self", &group(&["self"])), ("order.toml".to_owned(), group(&["self"]))];
        let cnb = store(&files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
        assert!(read(cnb.path()).unwrap_err().to_string().contains("circles"));
        let cnb = store(&[("order.toml", &group(&["gone"]))]);
        assert!(read(cnb.path()).is_err());
    }
}
