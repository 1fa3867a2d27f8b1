use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Arc;

const WIDTH: usize = 32;

/// A map that is cheap to copy and cheap to change after a copy: a tree of fixed depth with 1,024 leaves behind shared pointers.
///
/// A change copies the path to one leaf, two arrays of 32 pointers and a thousandth of the entries, and shares the rest with
/// every earlier copy. Changes without a copy in between copy nothing.
#[derive(Clone, Debug)]
pub(super) struct Map<K, V> {
    branches: [Arc<Branch<K, V>>; WIDTH],
    len: usize,
    hasher: RandomState,
}

#[derive(Clone, Debug)]
struct Branch<K, V> {
    leaves: [Arc<BTreeMap<K, V>>; WIDTH],
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        let leaf = Arc::default();
        let branch = Arc::new(Branch { leaves: std::array::from_fn(|_| Arc::clone(&leaf)) });
        Self { branches: std::array::from_fn(|_| Arc::clone(&branch)), len: 0, hasher: RandomState::new() }
    }
}

impl<K: Ord + Hash + Clone, V: Clone> Map<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get<Q: Ord + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (branch, leaf) = self.place(key);
        self.branches.get(branch)?.leaves.get(leaf)?.get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = self.leaf(&key)?.insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    pub(super) fn remove<Q: Ord + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        // Looked up first, so that removing nothing copies nothing.
        self.get(key)?;
        let before = self.leaf(key)?.remove(key);
        self.len -= usize::from(before.is_some());
        before
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.branches.iter().flat_map(|branch| &branch.leaves).flat_map(|leaf| leaf.values())
    }

    fn leaf<Q: Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut BTreeMap<K, V>> {
        let (branch, leaf) = self.place(key);
        let branch = Arc::make_mut(self.branches.get_mut(branch)?);
        Some(Arc::make_mut(branch.leaves.get_mut(leaf)?))
    }

    /// Two numbers below [`WIDTH`].
    fn place<Q: Hash + ?Sized>(&self, key: &Q) -> (usize, usize) {
        let hash = usize::try_from(self.hasher.hash_one(key) & 0xffff).unwrap_or_default();
        (hash % WIDTH, hash / WIDTH % WIDTH)
    }
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
    fn a_change_copies_one_leaf() {
        let mut map = Map::default();
        for key in 0..10_000_u32 {
            map.insert(key, ());
        }
        let before = map.clone();
        map.insert(10_000, ());
        let leaves = |map: &Map<u32, ()>| {
            map.branches
                .iter()
                .flat_map(|branch| branch.leaves.iter().map(Arc::as_ptr).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        let copied = leaves(&before).iter().zip(leaves(&map)).filter(|(before, after)| **before != *after).count();
        assert_eq!(copied, 1);
    }
}
