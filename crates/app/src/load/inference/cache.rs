//! A simulated KV cache: which prefix of a prompt an engine would not have to compute again. Blocks of text
//! stand for blocks of tokens; the least recently used ones go first.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// One engine's cache.
#[derive(Debug)]
pub(crate) struct PrefixCache {
    block_bytes: usize,
    blocks_max: usize,
    /// When each prefix, by its hash, was last used.
    used: HashMap<u64, u64>,
    /// The same the other way round, oldest first.
    by_age: BTreeMap<u64, u64>,
    clock: u64,
}

impl PrefixCache {
    /// An empty cache of so many blocks.
    pub(crate) fn new(block_bytes: usize, blocks_max: usize) -> Self {
        let (used, by_age) = (HashMap::new(), BTreeMap::new());
        Self { block_bytes: block_bytes.max(1), blocks_max, used, by_age, clock: 0 }
    }

    /// Takes in a prompt; how many of its whole blocks, from its start on, were there, and how many it has.
    pub(crate) fn take(&mut self, prompt: &[u8]) -> (usize, usize) {
        let mut hasher = DefaultHasher::new();
        let (mut found, mut n_blocks, mut missed) = (0_usize, 0_usize, false);
        for block in prompt.chunks_exact(self.block_bytes) {
            // Chained: a block is known by everything before it, as engines know theirs.
            block.hash(&mut hasher);
            n_blocks = n_blocks.saturating_add(1);
            let was_there = self.touch(hasher.finish());
            missed |= !was_there;
            found = found.saturating_add(usize::from(!missed));
        }
        self.shrink();
        (found, n_blocks)
    }

    /// The same for a prompt that is given by its blocks.
    pub(crate) fn take_blocks(&mut self, blocks: &[u64]) -> usize {
        let (mut found, mut missed) = (0_usize, false);
        for block in blocks {
            missed |= !self.touch(*block);
            found = found.saturating_add(usize::from(!missed));
        }
        self.shrink();
        found
    }

    fn shrink(&mut self) {
        while self.used.len() > self.blocks_max {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.used.remove(&oldest);
        }
    }

    fn touch(&mut self, block: u64) -> bool {
        self.clock = self.clock.saturating_add(1);
        self.by_age.insert(self.clock, block);
        match self.used.insert(block, self.clock) {
            Some(before) => {
                self.by_age.remove(&before);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_found_and_what_follows_a_difference_is_not() {
        let mut cache = PrefixCache::new(2, 100);
        assert_eq!(cache.take(b"aabbcc"), (0, 3));
        assert_eq!(cache.take(b"aabbcc"), (3, 3));
        assert_eq!(cache.take(b"aabbdd"), (2, 3));
        assert_eq!(cache.take(b"xxbbcc"), (0, 3));
        assert_eq!(cache.take(b"aab"), (1, 1));
    }

    #[test]
    fn the_oldest_blocks_go_first() {
        let mut cache = PrefixCache::new(1, 3);
        cache.take(b"abc");
        cache.take(b"x");
        // `a` was the oldest and gave way; without it the prefix is lost.
        assert_eq!(cache.take(b"abc").0, 0);
        assert_eq!(cache.used.len(), 3);
        assert_eq!(cache.by_age.len(), 3);
    }
}
