//! Model cards in the shape both client families accept.

use gateway::GatewayConfig;

use crate::bench::Bench;

#[tokio::test]
async fn cards_have_what_both_clients_require() {
    let bench = Bench::start(&[], GatewayConfig::default()).await;
    let (head, list) = bench.get("/v1/models").await;
    assert_eq!(head.status(), 200);
    assert!(head.headers().contains_key("x-request-id"));
    assert_eq!((&list["object"], list["has_more"].as_bool()), (&"list".into(), Some(false)));
    let cards = list["data"].as_array().unwrap();
    assert_eq!(cards.len(), 2);
    for (card, kind) in cards.iter().zip(["base", "fine-tuned"]) {
        assert_eq!((&card["object"], &card["type"]), (&"model".into(), &kind.into()));
        assert_eq!(card["created"], 1_764_000_000);
        assert_eq!(card["owned_by"], "cocarde");
        assert_eq!(card["max_context_length"], 8_192);
        assert_eq!(card["capabilities"]["completion_chat"], true);
        for name in ["completion_fim", "function_calling", "fine_tuning", "vision"] {
            assert!(card["capabilities"][name].is_boolean(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_card_is_found_by_an_id_with_slash_and_colon() {
    let bench = Bench::start(&[], GatewayConfig::default()).await;
    for path in ["/v1/models/org/tuned:v1", "/v1/models/org%2Ftuned%3Av1"] {
        let (head, card) = bench.get(path).await;
        assert_eq!((head.status().as_u16(), &card["id"]), (200, &"org/tuned:v1".into()), "{path}");
    }
    let (head, body) = bench.get("/v1/models/org/other").await;
    assert_eq!(head.status(), 404);
    assert_eq!(body["error"]["code"], "model_not_found");
}
