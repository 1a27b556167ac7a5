//! Destinations that the platform was started with: what the log does not know of, such as the key service.

use api::nouns::flow::FlowPurpose;

use super::Platform;

/// A destination from the command line or the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredFlow {
    /// Its address, such as `https://kms.example.fr/keys`.
    pub url: String,
    /// What for.
    pub purpose: FlowPurpose,
    /// The setting that names it.
    pub declared_by: String,
}

impl Platform {
    /// Says where else this process speaks to; once, at start.
    pub fn declare_flows(&self, flows: Vec<DeclaredFlow>) {
        let _ = self.declared.set(flows);
    }

    /// What was said.
    pub(crate) fn declared_flows(&self) -> &[DeclaredFlow] {
        self.declared.get().map_or(&[], Vec::as_slice)
    }
}
