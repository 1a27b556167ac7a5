//! Where one comes in: the routes of sessions, identity providers, passwords and capability tokens.

use api::nouns::{
    capability::{CapabilityCreate, CapabilityRevoke, CapabilityRootKeyGet},
    identity_provider::{
        IdentityProviderCreate, IdentityProviderDelete, IdentityProviderGet, IdentityProviderList,
        IdentityProviderReplace,
    },
    password::PasswordSet,
    session::{SessionCreate, SessionEnd, SessionList},
    sign_in::{SignInDeviceCreate, SignInDevicePoll, SignInProviderList},
};

use super::{capabilities, identity_providers, mount::Api, passwords, sessions, sign_in};

/// Adds them.
pub(super) fn mount(api: Api) -> Api {
    api.mount::<SessionCreate, _>(sessions::create)
        .mount::<SessionList, _>(sessions::list)
        .mount::<SessionEnd, _>(sessions::end)
        .mount::<SignInProviderList, _>(sign_in::providers)
        .mount::<SignInDeviceCreate, _>(sign_in::begin_device)
        .mount::<SignInDevicePoll, _>(sign_in::poll_device)
        .mount::<IdentityProviderCreate, _>(identity_providers::create)
        .mount::<IdentityProviderList, _>(identity_providers::list)
        .mount::<IdentityProviderGet, _>(identity_providers::get)
        .mount::<IdentityProviderReplace, _>(identity_providers::replace)
        .mount::<IdentityProviderDelete, _>(identity_providers::delete)
        .mount::<PasswordSet, _>(passwords::set)
        .mount::<CapabilityCreate, _>(capabilities::create)
        .mount::<CapabilityRevoke, _>(capabilities::revoke)
        .mount::<CapabilityRootKeyGet, _>(capabilities::root_key)
}
