//! No checkpoint ever served is contradicted by a later one, and the whole log verifies.

use ledger::{
    Checkpoint, Verifier,
    proof::{consistency, verify_consistency},
};

use crate::platform::{Log, ORIGIN};

/// Proves that one checkpoint's tree is a prefix of the other's; positions may come in any order.
///
/// # Errors
/// If a signature or the proof does not hold.
pub fn consistent(log: &Log, one: usize, other: usize) -> Result<(), String> {
    let (first, second) = (one.min(other), one.max(other));
    let (Some(old), Some(new)) = (log.checkpoints().get(first), log.checkpoints().get(second))
    else {
        return Ok(());
    };
    for signed in [old, new] {
        let opened = Checkpoint::open(signed.note.as_bytes(), log.verifier(), ORIGIN)
            .map_err(|error| format!("checkpoint {}: {error}", signed.head.size))?;
        if opened.head() != signed.head {
            return Err(format!("checkpoint {} says something else", signed.head.size));
        }
    }
    let proof = consistency(log.tree(), old.head.size, new.head.size);
    let proof = proof.map_err(|error| error.to_string())?;
    verify_consistency(&old.head, &new.head, &proof)
        .map_err(|error| format!("{} and {}: {error}", old.head.size, new.head.size))
}

/// Verifies every leaf against every checkpoint, as an auditor with only the key would.
///
/// # Errors
/// The first finding.
pub fn whole_log(log: &Log) -> Result<(), String> {
    let mut verifier = Verifier::new(log.verifier().clone(), ORIGIN);
    for signed in log.checkpoints() {
        verifier.checkpoint(signed.note.as_bytes());
    }
    for (index, leaf) in (0_u64..).zip(log.leaves()) {
        verifier.entry(index, leaf);
    }
    let report = verifier.finish();
    match report.findings.as_slice().first() {
        None => Ok(()),
        Some(finding) => Err(format!("ledger: {finding}")),
    }
}
