//! Seeded randomness as a tree: each component draws from a stream of its own, so that one more draw
//! in one component does not shift what the others see. Never for anything that must be secret.

/// One stream: xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64.
#[derive(Debug, Clone)]
pub struct Rng {
    seed: u64,
    state: [u64; 4],
}

impl Rng {
    /// The root stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut mixer = seed;
        let state = std::array::from_fn(|_| splitmix64(&mut mixer));
        Self { seed, state }
    }

    /// The stream of a component. It depends on the seed and the label, never on earlier draws.
    #[must_use]
    pub fn child(&self, label: &str) -> Self {
        // FNV-1a over the label, started from the parent's seed.
        let hash = label.bytes().fold(self.seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut mixer = hash;
        Self::new(splitmix64(&mut mixer))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number from 0 to `bound` - 1; 0 for a bound of 0. The bias is below 2⁻³² for the small
    /// bounds that simulations use.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next_u64()).saturating_mul(u128::from(bound));
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// The same as [`between`](Self::between), for small numbers.
    pub fn between_u32(&mut self, low: u32, high: u32) -> u32 {
        u32::try_from(self.between(u64::from(low), u64::from(high))).unwrap_or(high)
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several, or `None` if there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let position = self.below(u64::try_from(from.len()).unwrap_or(u64::MAX));
        from.get(usize::try_from(position).unwrap_or(usize::MAX))
    }

    /// Ten bytes, as a decision needs for its ids.
    pub fn ten_bytes(&mut self) -> [u8; 10] {
        let [a, b, c, d, e, f, g, h] = self.next_u64().to_be_bytes();
        let [i, j, ..] = self.next_u64().to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }

    /// Thirty-two bytes that stand for a digest of something.
    pub fn digest(&mut self) -> units::Digest {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_be_bytes());
        }
        units::Digest(bytes)
    }

    /// Puts a list into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            let other = usize::try_from(self.below(bound)).unwrap_or(0);
            list.swap(last, other);
        }
    }
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
