//! The vocabulary and the masks of the built-in roles, read from the Cedar texts once.
//!
//! Must never hold a rule of its own: groups come from the schema, roles from asking Cedar.

use std::{collections::BTreeMap, sync::LazyLock};

use super::{
    Group, ROLES, Role,
    cedar::{self, Grant, Question, Where},
    mask::{Action, Mask, OPERATIONS_MAX, Operation},
};
use crate::stack;

pub(super) static TABLE: LazyLock<Table> = LazyLock::new(Table::read);

/// The vocabulary of this version.
pub(super) struct Table {
    /// Ids of operations, sorted, with their groups.
    operations: Vec<(&'static str, Vec<Group>)>,
    roles: BTreeMap<Role, Mask>,
}

impl Table {
    fn read() -> Self {
        let operations = stack::for_compiling(read_operations);
        let mut table = Self { operations, roles: BTreeMap::new() };
        let actions: Vec<(Action, &'static str)> = table.actions().collect();
        for role in Role::ALL {
            let grant =
                Grant { policy: ROLES.to_owned(), template: role.as_str(), on: Where::FLEET };
            let ask = Question { active: true, target: Where::FLEET };
            let permitted = cedar::permitted(&grant, &ask, actions.iter().map(|(_, name)| *name));
            let mask = actions
                .iter()
                .zip(permitted)
                .filter(|(_, yes)| *yes)
                .fold(Mask::NOTHING, |mask, ((action, _), _)| mask.with(*action));
            table.roles.insert(role, mask);
        }
        table
    }

    /// Every action with its Cedar name.
    fn actions(&self) -> impl Iterator<Item = (Action, &'static str)> + '_ {
        let groups = Group::ALL.into_iter().map(|group| (Action::Group(group), group.as_str()));
        let operations = self.operations.iter().enumerate().filter_map(|(position, (id, _))| {
            Operation::at(position).map(|operation| (Action::Operation(operation), *id))
        });
        groups.chain(operations)
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = (&'static str, Vec<Group>)> + '_ {
        self.operations.iter().cloned()
    }

    pub(super) fn operation(&self, id: &str) -> Option<Operation> {
        let found = self.operations.binary_search_by(|(known, _)| (*known).cmp(id)).ok();
        found.and_then(Operation::at)
    }

    pub(super) fn id_of(&self, operation: Operation) -> &'static str {
        self.operations.get(operation.position()).map_or("", |(id, _)| *id)
    }

    pub(super) fn of_role(&self, role: Role) -> Mask {
        self.roles.get(&role).copied().unwrap_or(Mask::NOTHING)
    }

    /// The group itself, and the operations in it.
    pub(super) fn of_group(&self, group: Group) -> Mask {
        let inside = self.operations.iter().enumerate();
        let inside = inside.filter(|(_, (_, groups))| groups.contains(&group));
        let inside = inside.filter_map(|(position, _)| Operation::at(position));
        let start = Mask::NOTHING.with(Action::Group(group));
        inside.fold(start, |mask, operation| mask.with(Action::Operation(operation)))
    }
}

#[expect(clippy::expect_used, reason = "a constant of this crate, read in every test run")]
fn read_operations() -> Vec<(&'static str, Vec<Group>)> {
    let schema = &*cedar::ACCESS;
    let entities = schema.action_entities().expect("actions are entities");
    let mut operations = BTreeMap::new();
    for uid in schema.actions() {
        let name: &str = uid.id().as_ref();
        if Group::named(name).is_some() {
            continue;
        }
        let above = entities.ancestors(uid).into_iter().flatten();
        let mut groups: Vec<Group> = above.filter_map(|g| Group::named(g.id().as_ref())).collect();
        groups.sort_unstable();
        operations.insert(name.to_owned(), groups);
    }
    assert!(operations.len() <= OPERATIONS_MAX, "more operations than a mask has bits");
    // Read once for the life of the process: the ids live as long as it does.
    operations.into_iter().map(|(id, groups)| (&*id.leak(), groups)).collect()
}
