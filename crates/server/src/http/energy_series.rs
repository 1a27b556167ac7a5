//! Energy series of sites: what a kilowatt-hour costs by time. Every reader may know them.

use api::{
    nouns::energy_series::{
        EnergyMeasure, EnergySeries, EnergySeriesDelete, EnergySeriesGet, EnergySeriesPath,
        EnergySeriesSet,
    },
    text::Timestamp,
};
use kernel::{
    Command, State,
    power::{self, Measure, Series},
};

use super::{
    fail::Fail,
    gone,
    mount::{Call, as_of},
    require_operator,
};

/// `POST /api/v1/sites/{id}/series/{measure}`
pub(crate) async fn set(call: Call<EnergySeriesSet>) -> Result<EnergySeries, Fail> {
    require_operator(&call)?;
    let new = call.body.clone();
    let series =
        Series { start: new.start.0, step_s: new.step_s, values: new.values, source: new.source };
    let (site, measure) = (call.path.id, measure(call.path.measure));
    let command = power::Command::SetSeries { site, measure, series };
    let accepted = call.submit(Command::Power(command)).await?;
    call.read(|state| dto(state, call.path, accepted.seq)).ok_or_else(gone)
}

/// `GET /api/v1/sites/{id}/series/{measure}`
pub(crate) async fn get(call: Call<EnergySeriesGet>) -> Result<EnergySeries, Fail> {
    call.read(|state| find(state, call.path))
}

/// `DELETE /api/v1/sites/{id}/series/{measure}`
pub(crate) async fn delete(call: Call<EnergySeriesDelete>) -> Result<EnergySeries, Fail> {
    require_operator(&call)?;
    let mut was = call.read(|state| find(state, call.path))?;
    let (site, measure) = (call.path.id, measure(call.path.measure));
    let command = power::Command::RemoveSeries { site, measure };
    let accepted = call.submit(Command::Power(command)).await?;
    was.seq = accepted.seq;
    Ok(was)
}

fn find(state: &State, path: EnergySeriesPath) -> Result<EnergySeries, Fail> {
    dto(state, path, as_of(state)).ok_or_else(|| Fail::not_found("energy series of site", path.id))
}

const fn measure(measure: EnergyMeasure) -> Measure {
    match measure {
        EnergyMeasure::Carbon => Measure::Carbon,
        EnergyMeasure::Price => Measure::Price,
    }
}

fn dto(state: &State, path: EnergySeriesPath, seq: u64) -> Option<EnergySeries> {
    let found = state.power.series(measure(path.measure)).get(&path.id)?;
    let series = &found.series;
    Some(EnergySeries {
        site: path.id,
        measure: path.measure,
        start: Timestamp(series.start),
        end: Timestamp(series.end()),
        step_s: series.step_s,
        values: series.values.clone(),
        source: series.source.clone(),
        version: found.meta.version,
        seq,
        created_at: Timestamp(found.meta.created_at),
    })
}
