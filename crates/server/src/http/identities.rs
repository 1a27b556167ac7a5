//! The handlers of people, groups, programs, roles and consents, joined to their descriptions.

use api::nouns::{
    binding::{BindingCreate, BindingDelete, BindingGet, BindingList},
    consent::{ConsentCreate, ConsentGet, ConsentList, ConsentRevoke},
    group::{GroupCreate, GroupDelete, GroupGet, GroupList, GroupMemberAdd, GroupMemberRemove},
    key::KeyRotate,
    role::{RoleCreate, RoleDelete, RoleGet, RoleList, RoleSet},
    service_account::{
        ServiceAccountAssign, ServiceAccountCreate, ServiceAccountDelete, ServiceAccountGet,
        ServiceAccountList, ServiceAccountRenew,
    },
    user::{UserCreate, UserGet, UserList, UserReplace, UserResume, UserSuspend},
};

use super::{bindings, consents, groups, keys, mount::Api, roles, service_accounts, users};

/// Mounts them.
pub(super) fn mount(api: Api) -> Api {
    api.mount::<UserCreate, _>(users::create)
        .mount::<UserList, _>(users::list)
        .mount::<UserGet, _>(users::get)
        .mount::<UserReplace, _>(users::replace)
        .mount::<UserSuspend, _>(users::suspend)
        .mount::<UserResume, _>(users::resume)
        .mount::<GroupCreate, _>(groups::create)
        .mount::<GroupList, _>(groups::list)
        .mount::<GroupGet, _>(groups::get)
        .mount::<GroupDelete, _>(groups::delete)
        .mount::<GroupMemberAdd, _>(groups::add)
        .mount::<GroupMemberRemove, _>(groups::remove)
        .mount::<ServiceAccountCreate, _>(service_accounts::create)
        .mount::<ServiceAccountList, _>(service_accounts::list)
        .mount::<ServiceAccountGet, _>(service_accounts::get)
        .mount::<ServiceAccountDelete, _>(service_accounts::delete)
        .mount::<ServiceAccountRenew, _>(service_accounts::renew)
        .mount::<ServiceAccountAssign, _>(service_accounts::assign)
        .mount::<RoleCreate, _>(roles::create)
        .mount::<RoleList, _>(roles::list)
        .mount::<RoleGet, _>(roles::get)
        .mount::<RoleSet, _>(roles::set)
        .mount::<RoleDelete, _>(roles::delete)
        .mount::<BindingCreate, _>(bindings::create)
        .mount::<BindingList, _>(bindings::list)
        .mount::<BindingGet, _>(bindings::get)
        .mount::<BindingDelete, _>(bindings::delete)
        .mount::<ConsentCreate, _>(consents::create)
        .mount::<ConsentList, _>(consents::list)
        .mount::<ConsentGet, _>(consents::get)
        .mount::<ConsentRevoke, _>(consents::revoke)
        .mount::<KeyRotate, _>(keys::rotate)
}
