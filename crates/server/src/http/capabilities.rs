//! Capability tokens: made for the caller, and the key that they are verified with.

use api::{
    endpoint::Nothing,
    nouns::capability::{
        Capability, CapabilityCreate, CapabilityRevoke, CapabilityRootKey, CapabilityRootKeyGet,
    },
};
use kernel::{
    Command,
    access::Role,
    capability::{self, Holder},
};

use super::{access, fail::Fail, mount::Call, sessions, visible::holder_scope};
use crate::sign_in::session::Principal;

/// `POST /api/v1/capabilities`
pub(crate) async fn create(call: Call<CapabilityCreate>) -> Result<Capability, Fail> {
    let holder = sessions::principal_of(&call.caller)?;
    let root = &call.platform().sign_in().root;
    let token = root.issue(holder);
    let token = token.map_err(|e| Fail::internal("a capability token could not be signed", &e))?;
    Ok(Capability { token, root_key: root.public_text() })
}

/// `POST /api/v1/capabilities/revocations`
pub(crate) async fn revoke(call: Call<CapabilityRevoke>) -> Result<Nothing, Fail> {
    let token = call.platform().sign_in().root.verify(call.body.token.trim());
    let token = token.map_err(|refused| Fail::field("/token", refused.to_string()))?;
    let holder = match token.holder {
        Principal::Key(id) => Holder::Key(id),
        Principal::User(id) => Holder::User(id),
    };
    let own = sessions::principal_of(&call.caller).is_ok_and(|me| me == token.holder);
    if !own {
        let missing = || Fail::not_found("capability token", "of this holder");
        call.read(|state| {
            let scope = holder_scope(state, holder).ok_or_else(missing)?;
            access::require(state, &call.caller, Role::Administrator, scope, missing)
        })?;
    }
    let block = token.revocation_ids.last().copied();
    let block = block.ok_or_else(|| Fail::field("/token", "has no block"))?;
    let command = capability::Command::Revoke { holder, block };
    call.submit(Command::Capability(command)).await?;
    Ok(Nothing {})
}

/// `GET /api/v1/capabilities/root-key`
pub(crate) async fn root_key(call: Call<CapabilityRootKeyGet>) -> Result<CapabilityRootKey, Fail> {
    Ok(CapabilityRootKey { root_key: call.platform().sign_in().root.public_text() })
}
