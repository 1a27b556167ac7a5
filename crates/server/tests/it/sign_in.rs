//! Signing in and out: on the console, by the API, and with capability tokens.

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};
use server::{Attenuation, attenuate};

use crate::world::{Answer, CONSOLE, World, form};

/// A form sent by a browser that has this cookie.
async fn post(world: &World, path: &str, body: &str, cookie: &str) -> Answer {
    let mut request = form(path, body, CONSOLE);
    request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    world.ask(request).await
}

async fn see(world: &World, path: &str, cookie: &str) -> Answer {
    let request = Request::get(path).header(header::COOKIE, cookie).body(Body::empty());
    world.ask(request.unwrap()).await
}

#[tokio::test]
async fn signing_in_and_out() {
    let world = World::empty().await;
    let nobody = world.get("", "/").await;
    assert_eq!((nobody.status, nobody.header("location")), (303, "/login"));
    let deep = world.get("", "/events?after=1&kind=a").await;
    assert_eq!(deep.header("location"), "/login?next=%2Fevents%3Fafter%3D1%26kind%3Da");
    let page = world.get("", "/login?next=%2Fevents").await;
    assert!(page.status == 200 && page.text().contains("<label for=\"key\">"));
    assert!(
        page.text().contains("value=\"&#x2f;events\"") || page.text().contains("value=\"/events\"")
    );

    let good = format!("key={}&next=%2Fevents", world.operator);
    let answer = world.ask(form("/login", &good, CONSOLE)).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/events"));
    let line = answer.header("set-cookie");
    for part in ["cocarde_session=ccs_", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86400"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains(&world.operator), "a key is never in a cookie");
    let cookie = line.split(';').next().unwrap().to_owned();
    assert_eq!(see(&world, "/", &cookie).await.status, 200);
    let wrong = world.ask(form("/login", "key=cck_no", CONSOLE)).await;
    assert!(wrong.status == 401 && wrong.text().contains("role=\"alert\""));

    let out = post(&world, "/logout", "", &cookie).await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    let gone: Vec<&str> =
        out.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).collect();
    assert!(gone.len() == 2 && gone.iter().all(|line| line.contains("Max-Age=0")), "{gone:?}");
    // Whatever the browser keeps, the session is over.
    assert_eq!(see(&world, "/", &cookie).await.status, 303);
}

#[tokio::test]
async fn over_https_the_cookie_belongs_to_this_host_alone() {
    let world = World::empty().await;
    let body = format!("key={}", world.operator);
    let answer = world.ask(form("/login", &body, "https://console.test")).await;
    let line = answer.header("set-cookie");
    assert!(
        line.starts_with("__Host-cocarde_session=ccs_") && line.ends_with("; Secure"),
        "{line}"
    );
    assert!(line.contains("Path=/") && !line.contains("Domain"), "{line}");
    // The host's own cookie wins over one that a neighbour has planted.
    let own = line.split(';').next().unwrap();
    let both = format!("cocarde_session=ccs_planted; {own}");
    assert_eq!(see(&world, "/", &both).await.status, 200);
}

#[tokio::test]
async fn a_planted_session_is_worth_nothing() {
    let world = World::empty().await;
    let attacker = world.key_of_new_organisation("evil").await;
    let planted = world.sign_in(&attacker).await;
    let body = format!("key={}", world.operator);
    let answer = post(&world, "/login", &body, &planted).await;
    let fresh = answer.header("set-cookie").split(';').next().unwrap();
    assert_ne!(fresh, planted, "a new secret at each sign-in");
    assert_eq!(see(&world, "/", fresh).await.status, 200);
    assert_eq!(see(&world, "/", &planted).await.status, 303, "the planted one is over");
    let made_up = "cocarde_session=ccs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let answer = post(&world, "/login", &body, made_up).await;
    assert_ne!(answer.header("set-cookie").split(';').next().unwrap(), made_up);
    assert_eq!(see(&world, "/", made_up).await.status, 303);
}

#[tokio::test]
async fn guessing_on_the_console_is_slow() {
    let world = World::empty().await;
    let guess = "user=ada&organisation=&password=wrong";
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(world.ask(form("/login", guess, CONSOLE)).await);
    }
    let refused = statuses.iter().filter(|answer| answer.status == 401).count();
    let late = statuses.last().unwrap();
    assert!((5..=7).contains(&refused), "{refused} of 8 were looked at");
    assert_eq!(late.status, 429, "{}", late.text());
    assert!(late.header("retry-after").parse::<u64>().unwrap() >= 1);
    let api = json!({ "user": "ada", "password": "wrong" });
    let answer = world.call("", "POST", "/api/v1/sessions", api).await;
    assert_eq!(answer.expect(429)["code"], "rate-limited");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    // Another account from the same place is still heard, and so is a key.
    assert_eq!(see(&world, "/", &world.sign_in(&world.operator).await).await.status, 200);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_answered_like_a_wrong_password() {
    let world = World::empty().await;
    for organisation in [Value::Null, json!("acme")] {
        let body = json!({ "user": "ada", "password": "wrong", "organisation": organisation });
        let answer = world.call("", "POST", "/api/v1/sessions", body).await;
        let problem = answer.expect(401);
        assert_eq!(problem["detail"], "the name or the password is wrong");
        assert!(!answer.text().contains("ada"), "nothing is echoed");
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = World::empty().await;
    let (one, two) = (world.sign_in(&world.operator).await, world.sign_in(&world.operator).await);
    let page = see(&world, "/sessions", &one).await;
    assert!(page.status == 200 && page.text().matches("(this one)").count() == 1);
    let list = see(&world, "/api/v1/sessions", &one).await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let other = items.iter().find(|s| s["current"] == false).unwrap();
    let handle = other["handle"].as_str().unwrap();
    assert!(!page.text().contains("ccs_") && !list.to_string().contains("ccs_"));

    let stranger = world.key_of_new_organisation("evil").await;
    let path = format!("/api/v1/sessions/{handle}");
    assert_eq!(world.call(&stranger, "DELETE", &path, Value::Null).await.status, 404);
    assert_eq!(see(&world, "/", &two).await.status, 200);
    let ended = post(&world, "/sessions/end", &format!("handle={handle}"), &one).await;
    assert_eq!((ended.status, ended.header("location")), (303, "/sessions"));
    assert_eq!(see(&world, "/", &two).await.status, 303);
    assert_eq!(see(&world, "/", &one).await.status, 200);
    // As a bearer token the same session opens the API, and ends itself.
    let secret = one.split_once('=').unwrap().1;
    assert_eq!(world.get(secret, "/api/v1/whoami").await.status, 200);
    let path = "/api/v1/sessions/current";
    assert_eq!(world.call(secret, "DELETE", path, Value::Null).await.status, 200);
    assert_eq!(world.get(secret, "/api/v1/whoami").await.status, 401);
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let world = World::empty().await;
    world.make("/api/v1/organisations", json!({ "name": "acme" })).await;
    let new = json!({ "name": "k", "role": "administrator", "organisation": "acme" });
    let made = world.make("/api/v1/keys", new).await;
    let cookie = world.sign_in(made["secret"].as_str().unwrap()).await;
    assert_eq!(see(&world, "/", &cookie).await.status, 200);
    let path = format!("/api/v1/keys/{}", made["key"]["id"].as_str().unwrap());
    world.call(&world.operator, "DELETE", &path, Value::Null).await.expect(200);
    assert_eq!(see(&world, "/", &cookie).await.status, 303);
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let mut world = World::empty().await;
    let cookie = world.sign_in(&world.operator).await;
    world.restart().await;
    assert_eq!(see(&world, "/", &cookie).await.status, 200);
}

#[tokio::test]
async fn a_capability_token_is_what_its_key_may_and_less() {
    let world = World::empty().await;
    let key = world.key_of_new_organisation("acme").await;
    let made = world.call(&key, "POST", "/api/v1/capabilities", Value::Null).await.expect(201);
    let token = made["token"].as_str().unwrap();
    let root = world.get("", "/api/v1/capabilities/root-key").await.expect(200);
    assert_eq!(root["root_key"], made["root_key"]);
    let mine = world.get(token, "/api/v1/whoami").await.expect(200);
    assert_eq!(mine, world.get(&key, "/api/v1/whoami").await.expect(200));
    // Narrowed to one operation, by its holder alone.
    let to = Attenuation { operations: vec!["whoami".to_owned()], ..Attenuation::default() };
    let narrow = attenuate(token, &to).unwrap();
    assert_eq!(world.get(&narrow, "/api/v1/whoami").await.status, 200);
    let refused = world.get(&narrow, "/api/v1/projects").await.expect(403);
    assert!(refused["detail"].as_str().unwrap().contains("whoami"), "{refused}");
    // It makes nothing wider than itself.
    for path in ["/api/v1/capabilities", "/api/v1/keys"] {
        let body = json!({ "name": "x", "role": "viewer", "organisation": "acme" });
        let body = if path.ends_with("keys") { body } else { Value::Null };
        assert_eq!(world.call(token, "POST", path, body).await.status, 403, "{path}");
    }
    // Nor what would outlast it.
    for path in ["bindings", "roles", "consents", "service-accounts", "identity-providers"] {
        let refused = world.call(token, "POST", &format!("/api/v1/{path}"), json!({})).await;
        let refused = refused.expect(403);
        assert!(refused["detail"].as_str().unwrap().contains("credentials"), "{path}: {refused}");
    }
    let forged = format!("{}A", &token[..token.len() - 1]);
    assert_eq!(world.get(&forged, "/api/v1/whoami").await.status, 401);
    // In a cookie it is nothing.
    let cookie = format!("cocarde_session={token}");
    assert_eq!(see(&world, "/api/v1/whoami", &cookie).await.status, 401);
    // It ends with its key.
    let id = mine["key"].as_str().unwrap();
    let path = format!("/api/v1/keys/{id}");
    world.call(&world.operator, "DELETE", &path, Value::Null).await.expect(200);
    for token in [token, &narrow] {
        assert_eq!(world.get(token, "/api/v1/whoami").await.status, 401);
    }
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing_from_elsewhere() {
    let world = World::empty().await;
    let cookie = world.sign_in(&world.operator).await;
    let post = |origin: &str| {
        Request::post("/api/v1/organisations")
            .header(header::HOST, "console.test")
            .header(header::ORIGIN, origin)
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from("{\"name\":\"acme\"}"))
            .unwrap()
    };
    assert_eq!(world.ask(post("http://evil.test")).await.status, 403);
    assert_eq!(world.ask(post(CONSOLE)).await.status, 201);
}

#[tokio::test]
async fn every_form_of_the_console_refuses_other_origins() {
    let world = World::empty().await;
    let cookie = world.sign_in(&world.operator).await;
    for path in ["/login", "/logout", "/sessions/end"] {
        let body = format!("key={}&handle=x", world.operator);
        for origin in
            ["http://evil.test", "null", "http://console.test.evil.test", "http://console.test:1"]
        {
            let mut request = form(path, &body, origin);
            request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
            let answer = world.ask(request).await;
            assert_eq!(answer.status, 403, "{path} from {origin}");
            assert!(answer.headers.get("set-cookie").is_none());
        }
        let mut request = form(path, &body, CONSOLE);
        request.headers_mut().remove(header::ORIGIN);
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        assert_eq!(world.ask(request).await.status, 403, "{path} without an origin");
    }
    assert_eq!(see(&world, "/", &cookie).await.status, 200, "nobody was signed out");
}

#[tokio::test]
async fn no_answer_of_the_console_can_be_framed_or_kept() {
    let world = World::empty().await;
    let cookie = world.sign_in(&world.operator).await;
    let mut answers = vec![world.get("", "/").await, world.get("", "/login").await];
    answers.push(world.ask(form("/login", "key=cck_no", CONSOLE)).await);
    answers.push(world.ask(form("/login", "key=cck_no", "http://evil.test")).await);
    for path in ["/", "/workloads", "/artefacts", "/costs", "/events", "/sessions", "/workloads/x"]
    {
        answers.push(see(&world, path, &cookie).await);
    }
    for answer in answers {
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"));
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn the_console_leads_nowhere_else() {
    let world = World::empty().await;
    for next in
        ["//evil.test", "https://evil.test/", "/\\evil.test", "/%09/evil.test", "\\evil", ""]
    {
        let encoded: String = next.bytes().map(|b| format!("%{b:02x}")).collect();
        let body = format!("key={}&next={encoded}", world.operator);
        let answer = world.ask(form("/login", &body, CONSOLE)).await;
        let to = answer.header("location");
        assert!(to == "/" || to == "/%09/evil.test", "{next} led to {to}");
        let page = world.get("", &format!("/login?next={encoded}")).await;
        assert!(!page.text().contains("evil.test") || next.starts_with("/%"), "{next}");
    }
    let answer = world.get("", "//evil.test/%2e%2e").await;
    assert!(
        answer.headers.get("location").is_none_or(|to| to.to_str().unwrap().starts_with("/login"))
    );
}
