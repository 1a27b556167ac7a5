//! NVIDIA GPUs through NVML, which is loaded at run time; without the library there are none.

use api::engine::GpuFacts;
use nvml_wrapper::Nvml;
use units::{Bytes, MilliJoule};

/// Every GPU of this machine in index order; empty without a driver.
#[must_use]
pub fn list() -> Vec<GpuFacts> {
    let Ok(nvml) = Nvml::init() else { return Vec::new() };
    let n_gpus = nvml.device_count().unwrap_or(0);
    (0..n_gpus)
        .filter_map(|index| {
            let device = nvml.device_by_index(index).ok()?;
            Some(GpuFacts {
                model: device.name().ok()?,
                uuid: device.uuid().ok()?,
                memory: Bytes(device.memory_info().ok()?.total),
            })
        })
        .collect()
}

/// Reads the energy of some GPUs since a start (NVML counts since the driver was loaded; Volta and
/// newer).
#[derive(Debug)]
pub struct GpuMeter {
    nvml: Nvml,
    started: Vec<(u32, u64)>,
    last: MilliJoule,
}

impl GpuMeter {
    /// Starts at zero; `None` if not every one of the GPUs can be read.
    #[must_use]
    pub fn start(indices: &[u32]) -> Option<Self> {
        let nvml = Nvml::init().ok()?;
        let started: Option<Vec<(u32, u64)>> = indices
            .iter()
            .map(|index| {
                let counter = nvml.device_by_index(*index).ok()?.total_energy_consumption().ok()?;
                Some((*index, counter))
            })
            .collect();
        Some(Self { started: started?, nvml, last: MilliJoule::ZERO })
    }

    /// Energy of the GPUs together; never decreases.
    pub fn since_start(&mut self) -> MilliJoule {
        let total = self.started.iter().fold(0_u64, |sum, (index, at_start)| {
            let now = self
                .nvml
                .device_by_index(*index)
                .and_then(|device| device.total_energy_consumption())
                .unwrap_or(*at_start);
            sum.saturating_add(now.saturating_sub(*at_start))
        });
        self.last = self.last.max(MilliJoule(total));
        self.last
    }
}
