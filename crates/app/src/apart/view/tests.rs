//! What a snapshot opens, and to whom.

use api::nouns::{gateway::GatewaySecret, gateway_capture::GatewayCapture};

use super::*;

const KEY: Id<kinds::Key> = Id::from_bytes([1; 16]);
const ENDPOINT: Id<kinds::Endpoint> = Id::from_bytes([2; 16]);

fn snapshot() -> GatewaySnapshot {
    let hash = Sha256::digest(b"cck_secret");
    let sha256 = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = GatewayKey {
        id: KEY,
        secrets: vec![GatewaySecret { sha256, until_unix_us: Some(1_000) }],
        project: None,
        organisation: None,
        whose: None,
        weights: [1, 1],
        capture: None,
        limits: Vec::new(),
        models: vec![0, 1],
    };
    let model = |name: &str, wakes| GatewayModel {
        name: name.to_owned(),
        created_unix_s: 0,
        owner: String::new(),
        fine_tuned: false,
        wakes,
        route: GatewayRoute {
            endpoint: ENDPOINT,
            class: Some(DataClass::Internal),
            project: Id::from_bytes([3; 16]),
            organisation: Id::from_bytes([4; 16]),
            guardrails: Some(Vec::new()),
            replicas: Vec::new(),
            upstreams: Vec::new(),
            canaries: Vec::new(),
            fallbacks: Vec::new(),
        },
    };
    let models = vec![model("sleeper", true), model("stopped", false), model("hidden", true)];
    GatewaySnapshot { keys: vec![key], models, ..GatewaySnapshot::default() }
}

#[test]
fn a_secret_opens_until_its_end() {
    let view = View::new(snapshot(), None);
    assert_eq!(view.caller("cck_secret", 999).unwrap().key, KEY);
    assert_eq!(view.caller("cck_secret", 1_000).unwrap_err(), Refusal::InvalidKey);
    assert_eq!(view.caller("cck_other", 0).unwrap_err(), Refusal::InvalidKey);
}

#[test]
fn a_capability_token_is_refused_with_where_it_is_taken() {
    let refused = |url: Option<&str>| {
        let public_url = url.map(str::to_owned);
        let view = View::new(GatewaySnapshot { public_url, ..snapshot() }, None);
        match view.caller("ccc_token", 0).unwrap_err() {
            Refusal::Elsewhere(text) => text,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(Some("https://ai.example.fr")).contains("call `https://ai.example.fr/v1`"));
    assert!(refused(None).contains("call the platform's own address"));
}

#[test]
fn only_what_a_key_may_call_and_what_scales_is_waited_for() {
    let view = View::new(snapshot(), None);
    assert_eq!(view.wakes(KEY, "sleeper"), Some(ENDPOINT));
    assert_eq!(view.wakes(KEY, "stopped"), None);
    assert_eq!(view.wakes(KEY, "hidden"), None, "it is not this key's");
    assert_eq!(view.wakes(Id::from_bytes([9; 16]), "sleeper"), None);
}

#[test]
fn what_is_kept_of_a_key_is_of_no_higher_class_and_of_no_unknown_one() {
    let dataset = Id::from_bytes([5; 16]);
    let kept = |class, of_endpoint| {
        let mut told = snapshot();
        told.keys[0].capture = Some(GatewayCapture { dataset, permille: 70, class });
        told.models.iter_mut().for_each(|model| model.route.class = of_endpoint);
        let route = Route::new(ENDPOINT, "sleeper".to_owned(), Vec::new());
        View::new(told, None).capture(KEY, &route)
    };
    assert_eq!(kept(DataClass::Internal, Some(DataClass::Internal)), Some((dataset, 70)));
    assert_eq!(kept(DataClass::Internal, Some(DataClass::Public)), Some((dataset, 70)));
    assert_eq!(kept(DataClass::Internal, Some(DataClass::Confidential)), None);
    assert_eq!(kept(DataClass::Internal, None), None);
    let route = Route::new(ENDPOINT, "sleeper".to_owned(), Vec::new());
    assert_eq!(View::new(snapshot(), None).capture(KEY, &route), None, "nobody asked for it");
}
