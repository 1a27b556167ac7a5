//! Tenants who capture payloads, a gateway that hands versions over, and erasures of what is over, in any
//! order and also where they do not fit.

use kernel::{
    Command, State, dataset,
    erasure::{self, Destroyed, Target},
    project::{self, Capture},
};
use units::{Bytes, DurationMicros, UnixMicros};

use super::{
    catalogue::{any, class, name, nobody},
    client,
};
use crate::rng::Rng;

/// A command about data: of those who put it there, or of capture.
pub(super) fn data_command(
    rng: &mut Rng,
    state: &State,
    now: UnixMicros,
) -> Result<Command, String> {
    if rng.chance(60) {
        return client::data_command(rng, state);
    }
    let id = any(rng, &state.projects).unwrap_or(nobody());
    let own = state.datasets.values().filter(|dataset| !dataset.origin.is_given());
    let own: Vec<_> = own.collect();
    let captured = rng.pick(&own).copied().filter(|_| rng.chance(90));
    let dataset = captured.map_or(nobody(), |dataset| dataset.id);
    Ok(match rng.below(10) {
        0 => {
            let (name, class) = (name(rng, "asked", 3)?, class(rng));
            Command::Dataset(dataset::Command::CreateCaptured { project: id, name, class })
        }
        1..=2 => {
            let id = captured.map_or(id, |dataset| dataset.project);
            let permille = u16::try_from(rng.below(1_100)).unwrap_or(1);
            let keep_days = u16::try_from(rng.below(4)).unwrap_or(1);
            let capture = Capture { dataset, permille };
            Command::Project(project::Command::SetCapture { id, capture, keep_days })
        }
        3 => Command::Project(project::Command::StopCapture { id }),
        4..=6 => {
            let version = dataset::NewVersion {
                id: dataset,
                manifest: rng.digest(),
                files: rng.between_u32(0, 3),
                size: Bytes(rng.below(1_000_000)),
                source: "simulated".to_owned(),
            };
            let since = now.plus(DurationMicros::from_secs(rng.below(60)));
            Command::Dataset(dataset::Command::AddCaptured { version, since })
        }
        7 => {
            let through = captured.map_or(1, |dataset| {
                let numbers: Vec<u32> = dataset.kept().map(|version| version.number).collect();
                rng.pick(&numbers).copied().unwrap_or_else(|| dataset.last_number())
            });
            let target = Target::Versions { dataset, through };
            Command::Erasure(erasure::Command::Request { target, switch: None })
        }
        8 => {
            let id = any(rng, &state.erasures).unwrap_or(nobody());
            Command::Erasure(erasure::Command::Begin { id })
        }
        _ => {
            let id = any(rng, &state.erasures).unwrap_or(nobody());
            let (destroyed, list) = (Destroyed::default(), rng.digest());
            Command::Erasure(erasure::Command::Complete { id, destroyed, list })
        }
    })
}
