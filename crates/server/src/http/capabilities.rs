//! Capability tokens: made for the caller, and the key that they are verified with.

use api::nouns::capability::{
    Capability, CapabilityCreate, CapabilityRootKey, CapabilityRootKeyGet,
};

use super::{fail::Fail, mount::Call, sessions};

/// `POST /api/v1/capabilities`
pub(crate) async fn create(call: Call<CapabilityCreate>) -> Result<Capability, Fail> {
    let holder = sessions::principal_of(&call.caller)?;
    let root = &call.platform().sign_in().root;
    let token = root.issue(holder);
    let token = token.map_err(|e| Fail::internal("a capability token could not be signed", &e))?;
    Ok(Capability { token, root_key: root.public_text() })
}

/// `GET /api/v1/capabilities/root-key`
pub(crate) async fn root_key(call: Call<CapabilityRootKeyGet>) -> Result<CapabilityRootKey, Fail> {
    Ok(CapabilityRootKey { root_key: call.platform().sign_in().root.public_text() })
}
