//! Windows of maintenance, checked against the rest of a fleet file.
//!
//! Must refuse a window that is over before it begins, because nobody would notice.

use units::DurationMicros;

use super::{
    Maintenance,
    build::Builder,
    file::{MaintenanceTable, Placed},
};
use crate::twin::{
    error::InputError,
    time::{DAY_MICROS, Time},
};

/// How long before a window is known where the file does not say: a week.
const NOTICE: DurationMicros = DurationMicros(7 * DAY_MICROS);

/// Takes the windows of a file into the fleet.
pub(super) fn windows(
    builder: &mut Builder<'_>,
    tables: &[Placed<'_, MaintenanceTable>],
) -> Result<(), InputError> {
    for (section, table) in tables {
        let feeder = builder.feeder_of(section, &table.feeder)?;
        let (from, until) = (table.from.0, table.until.0);
        if until <= from {
            let message = "must be after `from`";
            return Err(builder.wrong(section, "until", &until.to_string(), message));
        }
        let notice = table.notice.map_or(NOTICE, |span| span.0);
        builder.fleet.maintenance.push(Maintenance {
            feeder,
            known: Time(from.0.saturating_sub(notice.0)),
            from: Time(from.0),
            until: Time(until.0),
        });
    }
    Ok(())
}
