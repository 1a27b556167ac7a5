//! One optimisation step: shards forward and backward, gradients summed, AdamW.
//!
//! The batch is cut into a fixed number of shards, each computed whole by whichever thread is free, and
//! shard gradients are summed in shard order: the number of threads never reaches a result.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use crate::{
    kernel::{
        elementwise::{Adam, AdamStep, add, sum_of_squares},
        lanes,
    },
    model::{
        Model, backward,
        forward::{self, Packed, Workspace},
    },
    parallel,
};

/// Elements one thread handles at a time in sums over all parameters; part of the result.
const CHUNK: usize = 8_192;

/// A part of the batch with its own buffers.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) batch: Packed,
    workspace: Workspace,
    gradient: Vec<f32>,
}

/// The state of the optimiser, flat like the weights.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Σ of losses over targets, in double precision.
    pub(crate) loss_sum: f64,
    pub(crate) targets: u64,
    pub(crate) tokens: u64,
}

/// The constants of the update at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update {
    pub(crate) adam: AdamStep,
    /// Longest gradient that is not clipped.
    pub(crate) clip: f32,
}

/// Computes shard gradients on `threads` threads.
pub(crate) fn gradients(model: &Model, shards: &[Mutex<Shard>], threads: usize) -> Outcome {
    let sizes = shards.iter().map(|shard| {
        let shard = lock(shard);
        (shard.batch.targets.len() as u64, shard.batch.tokens.len() as u64)
    });
    let (targets, tokens) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
    let scale = 1.0 / targets.max(1) as f32;
    let next = AtomicUsize::new(0);
    let work = |_: Vec<()>| {
        while let Some(shard) = shards.get(next.fetch_add(1, Ordering::Relaxed)) {
            let shard = &mut *lock(shard);
            shard.gradient.clear();
            shard.gradient.resize(model.layout.len, 0.0);
            forward::run(model, &shard.batch, scale, &mut shard.workspace);
            backward::run(model, &shard.batch, &mut shard.workspace, &mut shard.gradient);
        }
    };
    parallel::split(threads, vec![(); threads], work);
    let loss_sum =
        shards.iter().flat_map(|shard| lock(shard).workspace.losses.clone()).map(f64::from).sum();
    Outcome { loss_sum, targets, tokens }
}

/// Sums the shard gradients, clips, and updates weights and moments.
pub(crate) fn apply(
    model: &mut Model,
    moments: &mut Moments,
    shards: &[Mutex<Shard>],
    update: Update,
    threads: usize,
) {
    let mut guards: Vec<_> = shards.iter().map(lock).collect();
    let Some((total, others)) = guards.split_first_mut() else { return };
    let others: Vec<&[f32]> = others.iter().map(|shard| shard.gradient.as_slice()).collect();
    let total = total.gradient.as_mut_slice();
    let mut squares = vec![0.0_f64; total.len().div_ceil(CHUNK)];
    let jobs = total.chunks_mut(CHUNK).zip(&mut squares).enumerate().collect();
    parallel::split(threads, jobs, |jobs: Vec<(usize, (&mut [f32], &mut f64))>| {
        for (index, (total, square)) in jobs {
            for other in &others {
                add(total, &other[index * CHUNK..index * CHUNK + total.len()]);
            }
            *square = f64::from(sum_of_squares(total));
        }
    });
    let length = squares.iter().sum::<f64>().sqrt() as f32;
    let gradient_scale = if length > update.clip { update.clip / length } else { 1.0 };
    let total = &*total;
    let mut jobs = Vec::new();
    let mut rest =
        (model.weights.as_mut_slice(), moments.first.as_mut_slice(), moments.second.as_mut_slice());
    for tensor in &model.layout.tensors {
        // Gains are not pulled towards zero, matrices are.
        let decay = if tensor.shape.len() == 1 { 0.0 } else { update.adam.decay };
        let step = AdamStep { gradient_scale, decay, ..update.adam };
        let mut start = tensor.span.start;
        while start < tensor.span.end {
            let len = CHUNK.min(tensor.span.end - start);
            let (weights, rest_weights) = rest.0.split_at_mut(len);
            let (first, rest_first) = rest.1.split_at_mut(len);
            let (second, rest_second) = rest.2.split_at_mut(len);
            rest = (rest_weights, rest_first, rest_second);
            let gradient = &total[start..start + len];
            jobs.push(Adam { step, weights, first, second, gradient });
            start += len;
        }
    }
    parallel::split(threads, jobs, |jobs: Vec<Adam<'_>>| {
        for job in jobs {
            lanes::run(job);
        }
    });
    model.refresh(threads);
}

/// A panic in one thread already ends the run; what a poisoned lock guards is never used after that.
fn lock(shard: &Mutex<Shard>) -> std::sync::MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
