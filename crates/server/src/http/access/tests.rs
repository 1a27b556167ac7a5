//! The vocabulary of access and the descriptions of the API say the same.

use std::collections::{BTreeMap, BTreeSet};

use api::nouns;
use policy::access::{Group, operations};

use super::*;

#[test]
fn every_operation_is_in_the_vocabulary_and_in_the_group_that_its_description_asks_for() {
    let known: BTreeMap<&str, Vec<Group>> = operations().collect();
    let mut unused: BTreeSet<&str> = known.keys().copied().collect();
    let mut wrong = Vec::new();
    for operation in nouns::endpoints() {
        let Some(role) = role_of(operation.permission) else { continue };
        unused.remove(operation.id);
        // What anybody known may ask is in no group by its description.
        let any = operation.permission == Permission::Inference;
        let groups = known.get(operation.id);
        if groups.is_none_or(|groups| !any && !groups.contains(&role.group())) {
            wrong.push(format!("{} asks for `{role}` and is in {groups:?}", operation.id));
        }
    }
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "put it into crates/policy/src/access/schema.cedarschema"
    );
    assert_eq!(unused, BTreeSet::new(), "no such operations: take them out of the vocabulary");
}
