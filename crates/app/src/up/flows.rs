//! Where else this process speaks to, as its flags and its environment say: for the inventory of data flows.

use api::nouns::flow::FlowPurpose;
use server::DeclaredFlow;

use super::UpConfig;
use crate::kek::KekSource;

/// Variables that name a proxy, in the order in which the client library looks.
const PROXY_VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// The key service, the witnesses, and a proxy of the environment.
pub(super) fn declared(config: &UpConfig) -> Vec<DeclaredFlow> {
    let mut flows = Vec::new();
    match &config.kek.kek {
        Some(KekSource::Service(url)) => {
            flows.push(flow(url, FlowPurpose::Keys, "--kek"));
        }
        Some(KekSource::File(_) | KekSource::Variable(_)) | None => {}
    }
    let witnesses = config.witnesses.quorum.witnesses().iter().zip(&config.witnesses.urls);
    for (key, url) in witnesses {
        if let Some(url) = url {
            flows.push(flow(url, FlowPurpose::Witness, &format!("--witness {}", key.name())));
        }
    }
    for name in PROXY_VARIABLES {
        if let Ok(url) = std::env::var(name) {
            flows.push(flow(&without_user(&url), FlowPurpose::Proxy, name));
        }
    }
    flows
}

fn flow(url: &str, purpose: FlowPurpose, declared_by: &str) -> DeclaredFlow {
    DeclaredFlow { url: url.to_owned(), purpose, declared_by: declared_by.to_owned() }
}

/// An address of a proxy may hold a password, which is nobody's to read.
fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{host}")
}
