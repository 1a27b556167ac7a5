//! The log on disk and everything beside it: the database, the one writer, views, blobs, audit,
//! backup.
//!
//! Invariant this crate guards: acknowledged = durable, and one writer's batch per head. A caller
//! is answered only after the entries would survive a power cut; a second writer meets a conflict;
//! a log that does not fit its signed checkpoints is reported and never repaired.
//!
//! No business lives here: what a command means is the kernel's, what a proof is the ledger's.

pub mod audit;
pub mod backup;
pub mod blob;
mod boot;
mod clock;
mod data;
pub mod faults;
pub mod finality;
mod folder;
mod leaves;
mod log_store;
mod memory;
mod seal;
mod sequencer;
mod snapshots;
mod sqlite;
pub mod vault;
pub mod view;
pub mod witness;

pub use blob::Blobs;
pub use boot::{BootError, BootReport};
pub use clock::{Clock, Entropy, EntropyError, SystemClock, SystemEntropy};
pub use data::{DataFolder, OpenError};
pub use finality::{Finality, FinalityError};
pub use folder::{FORMAT_VERSION, FolderError, Format, replace_file};
pub use leaves::Leaves;
pub use log_store::{
    AppendError, Batch, Head, Lease, LogStore, READ_BYTES_MAX, Row, SNAPSHOTS_KEPT, SaveSnapshot,
    Snapshot, StoreError,
};
pub use memory::MemoryStore;
pub use sequencer::{Config, Handle, Outcome, Sequencer, SubmitError};
pub use sqlite::SqliteStore;
pub use vault::{Vault, VaultError};
pub use view::{LogView, ROWS_MAX, ViewError};
pub use witness::WitnessFolder;
