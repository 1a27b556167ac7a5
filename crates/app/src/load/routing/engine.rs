//! A simulated engine: a cache of prefixes, prompts read one after another, answers written side by side.

use super::Setting;
use crate::load::inference::{BLOCK_TOKENS, arrivals::Arrival, cache::PrefixCache};

/// One engine.
#[derive(Debug)]
pub(super) struct Engine {
    cache: PrefixCache,
    /// When the last prompt so far will have been read.
    free_us: u64,
    /// Tokens that the cache did not have.
    pub(super) prefilled_tokens: u64,
    /// Time spent on reading and writing.
    pub(super) busy_us: u64,
}

impl Engine {
    /// An idle engine whose cache holds so many blocks.
    pub(super) fn new(cache_blocks: usize) -> Self {
        let cache = PrefixCache::new(1, cache_blocks);
        Self { cache, free_us: 0, prefilled_tokens: 0, busy_us: 0 }
    }

    /// Takes a prompt into the cache; blocks of it that were there.
    pub(super) fn look(&mut self, arrival: &Arrival) -> usize {
        self.cache.take_blocks(&arrival.blocks)
    }

    /// Reads a prompt: blocks that were in the cache, and when the first token of the answer comes.
    pub(super) fn read(
        &mut self,
        arrival: &Arrival,
        now_us: u64,
        setting: &Setting,
    ) -> (usize, u64) {
        let blocks = self.look(arrival);
        let held =
            u64::try_from(blocks).unwrap_or(u64::MAX).saturating_mul(u64::from(BLOCK_TOKENS));
        let anew = u64::from(arrival.prompt_tokens).saturating_sub(held);
        let reading_us = anew.saturating_mul(setting.prefill_us);
        let writing_us = setting.decode_us.saturating_mul(u64::from(arrival.output_tokens));
        self.free_us = self.free_us.max(now_us).saturating_add(reading_us);
        self.prefilled_tokens = self.prefilled_tokens.saturating_add(anew);
        self.busy_us = self.busy_us.saturating_add(reading_us).saturating_add(writing_us);
        (blocks, self.free_us)
    }
}
