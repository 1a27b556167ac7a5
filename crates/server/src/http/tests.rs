//! The registry and the router are the same list.

use std::collections::BTreeSet;

#[test]
fn every_endpoint_of_the_registry_is_mounted_once() {
    let dir = tempfile::tempdir().unwrap();
    let config = crate::PlatformConfig {
        data_dir: dir.path().join("data"),
        version: "cocarde test".to_owned(),
        quorum: ledger::Quorum::default(),
    };
    let platform = std::sync::Arc::new(crate::Platform::open(config).unwrap());
    let api = super::mount_all(super::Api::new(super::App::new(platform)));
    let mounted: BTreeSet<_> = api.mounted.iter().copied().collect();
    assert_eq!(mounted.len(), api.mounted.len(), "an endpoint is mounted twice");
    let registry: BTreeSet<_> = api::nouns::endpoints()
        .iter()
        .map(|operation| (operation.method, operation.path))
        .collect();
    let missing: Vec<_> = registry.difference(&mounted).collect();
    let unknown: Vec<_> = mounted.difference(&registry).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
}
