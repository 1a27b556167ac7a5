//! The policies that FGD was compared with, as the artifact of that paper defines them.
//!
//! Each gives an integer score, the higher the better, and the GPUs to use. The scales 128 cores
//! and 8 GPUs are the artifact's: its largest node. Random is not here, it ranks nothing.
//! Source: hkust-adsl/kubernetes-scheduler-simulator, `pkg/simulator/plugin`; the rules are
//! described, not copied.

use super::need::{Gpus, Need, WHOLE_MILLI};
use super::node::NodeState;

/// Largest node of the artifact in thousandths of a core.
const CPU_SCALE: i64 = 128_000;
/// How many milli of processor count as much as one GPU milli: 128 cores against 8 GPUs.
const CPU_PER_GPU: i64 = 16;
/// Largest node of the artifact in GPU milli.
const GPU_SCALE: i64 = 8_000;

/// Tetris' dot product of what is free and what is asked; the smaller the better.
pub(super) fn dot_product(node: &NodeState, need: &Need) -> i64 {
    let cpu = i64::from(node.cpu_free_milli()).saturating_mul(i64::from(need.cpu_milli));
    let gpu = node.free_milli().saturating_mul(need.gpus.milli());
    let gpu = gpu.saturating_mul(CPU_PER_GPU.saturating_mul(CPU_PER_GPU));
    percent_left(cpu.saturating_add(gpu), CPU_SCALE.saturating_mul(CPU_SCALE).saturating_mul(2))
}

/// What is left over of processor and GPUs, equally weighted; the smaller the better.
pub(super) fn best_fit(node: &NodeState, need: &Need) -> i64 {
    let cpu = i64::from(node.cpu_free_milli()).saturating_sub(i64::from(need.cpu_milli));
    let gpu = node.free_milli().saturating_sub(need.gpus.milli());
    percent_left(cpu.saturating_add(gpu.saturating_mul(CPU_PER_GPU)), CPU_SCALE.saturating_mul(2))
}

/// Next to work of the same kind, best where nothing else is; else on an idle node; else anywhere.
/// Within each of the four, the fuller node.
pub(super) fn clustering(node: &NodeState, need: &Need) -> i64 {
    if need.gpus == Gpus::None {
        return 0;
    }
    let used = GPU_SCALE.saturating_sub(node.free_milli());
    let fullness = used.saturating_mul(25).checked_div(GPU_SCALE).unwrap_or(0);
    let band = match node.company(need.gpus) {
        (1.., 1) => 75,
        (1.., _) => 50,
        (0, 0) => 25,
        (0, _) => 0,
    };
    fullness.saturating_add(band)
}

/// GPUs in use first, then free GPUs of a node in use, then an idle node; fewest free GPUs used up,
/// and among GPUs in use the fullest.
pub(super) fn packing(node: &NodeState, need: &Need) -> i64 {
    if need.gpus == Gpus::None {
        return 0;
    }
    let gpus = node.gpus_free_milli();
    let whole = count(gpus.iter().filter(|&&free| free == WHOLE_MILLI).count());
    if whole == count(gpus.len()) {
        return 33_i64.saturating_sub(whole).max(whole);
    }
    let mut room: Vec<u16> = gpus.to_vec();
    room.retain(|&free| free >= need.gpus.milli_each());
    room.sort_unstable();
    room.truncate(need.gpus.count());
    let opened = count(room.iter().filter(|&&free| free == WHOLE_MILLI).count());
    if opened > 0 {
        return 50_i64.saturating_sub(opened).max(33);
    }
    let free_percent: i64 = room.iter().map(|&free| i64::from(free / 10)).sum();
    100_i64.saturating_sub(free_percent / 10).max(50)
}

/// The floor of 100 × (1 - part / whole).
fn percent_left(part: i64, whole: i64) -> i64 {
    let rounded_up = part.saturating_mul(100).saturating_add(whole.saturating_sub(1));
    100_i64.saturating_sub(rounded_up.checked_div_euclid(whole).unwrap_or(0))
}

fn count(many: usize) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}
