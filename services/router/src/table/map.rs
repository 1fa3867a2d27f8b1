use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::mem;
use std::sync::Arc;

/// How many ways there are at each step: five bits of the hash.
const WIDTH: usize = 32;
const BITS: u32 = 5;
/// A leaf with more entries becomes a branch, as long as there are bits left.
const FULL: usize = 16;
const DEEPEST: u32 = u64::BITS / BITS - 1;

/// A map that is cheap to copy and cheap to change after a copy: a tree of shared nodes, as deep as it has to be (a hash array mapped
/// trie).
///
/// A copy is one pointer. A change copies the path to one leaf, which are a few arrays of 32 pointers and at most 16 entries however
/// many there are, and shares the rest with every earlier copy. Changes without a copy in between copy nothing. It does not become
/// less deep when entries go.
#[derive(Clone, Debug)]
pub(super) struct Map<K, V> {
    root: Arc<Node<K, V>>,
    len: usize,
    hasher: RandomState,
}

#[derive(Clone, Debug)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    Branch(Box<[Arc<Self>; WIDTH]>),
}

impl<K, V> Default for Node<K, V> {
    fn default() -> Self {
        Self::Leaf(Vec::new())
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { root: Arc::default(), len: 0, hasher: RandomState::new() }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Map<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut hash = self.hasher.hash_one(key);
        let mut node = &*self.root;
        while let Node::Branch(children) = node {
            node = children.get(way(hash))?;
            hash >>= BITS;
        }
        let Node::Leaf(entries) = node else { return None };
        entries.iter().find(|(there, _)| there.borrow() == key).map(|(_, value)| value)
    }

    /// Whether one is a copy of the other and neither was changed since.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (mut hash, mut depth) = (self.hasher.hash_one(&key), 0);
        let mut node = Arc::make_mut(&mut self.root);
        while let Node::Branch(children) = node {
            node = Arc::make_mut(children.get_mut(way(hash))?);
            hash >>= BITS;
            depth += 1;
        }
        let Node::Leaf(entries) = node else { return None };
        if let Some((_, there)) = entries.iter_mut().find(|(there, _)| *there == key) {
            return Some(mem::replace(there, value));
        }
        entries.push((key, value));
        self.len += 1;
        if entries.len() > FULL && depth < DEEPEST {
            let entries = mem::take(entries);
            let empty = Arc::<Node<K, V>>::default();
            let mut children = Box::new(std::array::from_fn::<_, WIDTH, _>(|_| Arc::clone(&empty)));
            for (key, value) in entries {
                let child = children.get_mut(way(self.hasher.hash_one(&key) >> (BITS * depth)));
                if let Some(Node::Leaf(entries)) = child.map(Arc::make_mut) {
                    entries.push((key, value));
                }
            }
            *node = Node::Branch(children);
        }
        None
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        // Looked up first, so that removing nothing copies nothing.
        self.get(key)?;
        let mut hash = self.hasher.hash_one(key);
        let mut node = Arc::make_mut(&mut self.root);
        while let Node::Branch(children) = node {
            node = Arc::make_mut(children.get_mut(way(hash))?);
            hash >>= BITS;
        }
        let Node::Leaf(entries) = node else { return None };
        let at = entries.iter().position(|(there, _)| there.borrow() == key)?;
        self.len -= 1;
        Some(entries.swap_remove(at).1)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.nodes()
            .filter_map(|node| if let Node::Leaf(entries) = node { Some(entries) } else { None })
            .flatten()
            .map(|(_, value)| value)
    }

    fn nodes(&self) -> impl Iterator<Item = &Node<K, V>> {
        let mut nodes = vec![&*self.root];
        std::iter::from_fn(move || {
            let node = nodes.pop()?;
            if let Node::Branch(children) = node {
                nodes.extend(children.iter().map(|child| &**child));
            }
            Some(node)
        })
    }

    /// How many entries and how many branches are not shared with an earlier copy.
    #[cfg(test)]
    pub(super) fn copied_since(&self, before: &Self) -> (usize, usize) {
        let before = before.nodes().map(std::ptr::from_ref).collect::<std::collections::HashSet<_>>();
        let copied = self.nodes().filter(|node| !before.contains(&std::ptr::from_ref(*node)));
        copied.fold((0, 0), |(entries, branches), node| match node {
            Node::Leaf(more) => (entries + more.len(), branches),
            Node::Branch(_) => (entries, branches + 1),
        })
    }
}

/// A number below [`WIDTH`].
fn way(hash: u64) -> usize {
    usize::try_from(hash).map_or(0, |hash| hash % WIDTH)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It behaves as any map does, and no change shows in a copy made before.
        #[test]
        fn behaves_as_a_map_and_leaves_copies_alone(changes in prop::collection::vec((0_u16..500, prop::option::of(0_u8..9)), 0..600)) {
            let (mut map, mut model) = (Map::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for (step, (key, value)) in changes.into_iter().enumerate() {
                if step % 100 == 0 {
                    copies.push((map.clone(), model.clone()));
                }
                match value {
                    Some(value) => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                    None => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                }
            }
            copies.push((map, model));
            for (map, model) in copies {
                prop_assert_eq!(map.len(), model.len());
                prop_assert!(model.iter().all(|(key, value)| map.get(key) == Some(value)));
                let mut values = map.values().copied().collect::<Vec<_>>();
                let mut expected = model.values().copied().collect::<Vec<_>>();
                values.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(values, expected);
            }
        }
    }

    #[test]
    fn a_change_copies_one_path() {
        for (count, deep) in [(10_u32, 0), (10_000, 3), (100_000, 4)] {
            let mut map = Map::default();
            for key in 0..count {
                map.insert(key, ());
            }
            let before = map.clone();
            map.insert(0, ());
            let (entries, branches) = map.copied_since(&before);
            assert!(
                (1..=FULL).contains(&entries) && branches <= deep,
                "{entries} entries, {branches} branches of {count}"
            );
        }
    }
}
