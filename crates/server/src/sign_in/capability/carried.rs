//! A capability token that calls a model: which machines may answer, and what the call adds to what its
//! blocks have spent.

use std::sync::Arc;

use units::{Country, Digest, MicroEuro, UnixMicros};

use super::{Asked, Capability, Meter, MeterError, Refused};

/// A token on its way through a gateway.
#[derive(Debug, Clone)]
pub struct CarriedCapability(Arc<Capability>);

impl CarriedCapability {
    pub(crate) fn new(capability: Capability) -> Self {
        Self(Arc::new(capability))
    }

    /// True if the call of a model may be answered in a country; nothing is asked of the country if
    /// none is given, as for the list of models.
    pub(crate) fn allows(
        &self,
        now: UnixMicros,
        model: &str,
        country: Country,
        meter: &Meter,
    ) -> Result<(), Refused> {
        let country = Some(country.as_str());
        let asked = Asked { now, operation: "inference", model: Some(model), country };
        self.0.allow(asked, |id| meter.spent(id))
    }

    /// Adds the cost of a call to all blocks that have a budget.
    pub(crate) fn spend(&self, cost: MicroEuro, meter: &Meter) -> Result<(), MeterError> {
        let blocks = self.budgeted();
        if blocks.is_empty() { Ok(()) } else { meter.add(&blocks, cost) }
    }

    /// Refuses a token whose spending could not be counted.
    pub(crate) fn require_room(&self, meter: &Meter) -> Result<(), MeterError> {
        self.budgeted().iter().try_for_each(|id| meter.require_room(id))
    }

    fn budgeted(&self) -> Vec<Digest> {
        self.0.budgeted().collect()
    }
}
