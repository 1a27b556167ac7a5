//! Looking up who is who: keys by secret, groups and service accounts by name, roles by holder.

use units::{Digest, Id, Name, UnixMicros, kinds};

use crate::{
    State,
    access::{Principal, Scope, is_active},
    binding::{self, Binding},
    consent::{self, Consent},
    group::Group,
    key,
    state::Index,
};

impl State {
    /// The key that a secret with this SHA-256 opens at this time: valid, and its owner may act.
    #[must_use]
    pub fn key_by_hash(&self, hash: Digest, now: UnixMicros) -> Option<&key::Key> {
        let key = self.index.key_hashes.get(&hash).and_then(|id| self.keys.get(id))?;
        let opens = key.opens_with(hash, now) && is_active(self, Principal::Key(key.id), now);
        opens.then_some(key)
    }

    /// A group by its name.
    #[must_use]
    pub fn group_by_name(
        &self,
        home: Option<Id<kinds::Organisation>>,
        name: &Name,
    ) -> Option<Id<kinds::Group>> {
        self.index.group_names.get(&(home, name.clone())).copied()
    }

    /// A service account by its name.
    #[must_use]
    pub fn service_account_by_name(
        &self,
        scope: Scope,
        name: &Name,
    ) -> Option<Id<kinds::ServiceAccount>> {
        self.index.service_account_names.get(&(scope, name.clone())).copied()
    }

    /// A custom role by its name.
    #[must_use]
    pub fn role_by_name(
        &self,
        organisation: Id<kinds::Organisation>,
        name: &Name,
    ) -> Option<Id<kinds::Role>> {
        self.index.role_names.get(&(organisation, name.clone())).copied()
    }

    /// The groups that a user is in.
    pub fn groups_of(&self, user: Id<kinds::User>) -> impl Iterator<Item = &Group> {
        let ids = self.index.memberships.get(&user).into_iter().flatten();
        ids.filter_map(|id| self.groups.get(id))
    }

    /// What somebody was given, expired or not.
    pub fn bindings_of(&self, principal: binding::Principal) -> impl Iterator<Item = &Binding> {
        let ids = self.index.bindings.get(&principal).into_iter().flatten();
        ids.filter_map(|id| self.bindings.get(id))
    }

    /// The consents that name a user, in force or over.
    pub fn consents_for(&self, user: Id<kinds::User>) -> impl Iterator<Item = &Consent> {
        let ids = self.index.consents.get(&user).into_iter().flatten();
        ids.filter_map(|id| self.consents.get(id))
    }

    /// The indices over identities, as the rest of the state gives them.
    pub(crate) fn index_identities(&self, index: &mut Index) {
        for key in self.keys.values() {
            key::index_into(index, key);
        }
        for (id, group) in &self.groups {
            index.group_names.insert((group.home, group.name.clone()), *id);
            for user in &group.members {
                index.memberships.entry(*user).or_default().insert(*id);
            }
        }
        for (id, account) in &self.service_accounts {
            index.service_account_names.insert((account.scope, account.name.clone()), *id);
        }
        for (id, role) in &self.roles {
            index.role_names.insert((role.organisation, role.name.clone()), *id);
            index.role_masks.insert(*id, role.mask());
        }
        for one in self.consents.values() {
            consent::index_into(index, one);
        }
        for binding in self.bindings.values() {
            binding::index_into(index, binding);
        }
    }

    /// Whoever is in a group exists and is at home there; accounts have owners; what was given was
    /// given to somebody who exists, somewhere that exists.
    pub(crate) fn check_identities(&self, broken: &mut Vec<String>) {
        for group in self.groups.values() {
            let strangers = group
                .members
                .iter()
                .filter(|id| self.users.get(id).is_none_or(|user| user.home != group.home));
            broken.extend(strangers.map(|id| format!("group {} has stranger {id}", group.id)));
        }
        for account in self.service_accounts.values() {
            if !self.users.contains_key(&account.owner) || account.scope == Scope::Platform {
                broken.push(format!("service account {} is nobody's", account.id));
            }
        }
        for binding in self.bindings.values() {
            let known = match binding.principal {
                binding::Principal::User(id) => self.users.contains_key(&id),
                binding::Principal::Group(id) => self.groups.contains_key(&id),
                binding::Principal::ServiceAccount(id) => self.service_accounts.contains_key(&id),
            };
            let role = match binding.role {
                binding::Role::BuiltIn(role) => match binding.scope {
                    Scope::Platform => role.is_of_fleet(),
                    Scope::Organisation(_) | Scope::Project(_) => role.is_of_tenant(),
                },
                binding::Role::Custom(id) => self.roles.contains_key(&id),
            };
            if !known || !role {
                broken.push(format!("binding {} gives what cannot be given", binding.id));
            }
        }
    }
}

impl Index {
    /// A user is not in a group any more.
    pub(crate) fn leaves_group(&mut self, user: Id<kinds::User>, group: Id<kinds::Group>) {
        if let Some(groups) = self.memberships.get_mut(&user) {
            groups.remove(&group);
            if groups.is_empty() {
                self.memberships.remove(&user);
            }
        }
    }
}
