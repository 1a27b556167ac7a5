//! Signing in at an identity provider: what a person does, and what a liar tries.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::atomic::{AtomicU8, Ordering},
};

use axum::{body::Body, extract::ConnectInfo};
use http::{Request, header};
use serde_json::{Value, json};

use crate::{
    provider::{Lie, Provider},
    world::{Answer, World},
};

/// A platform with an organisation whose people sign in at a provider.
struct Office {
    world: World,
    provider: Provider,
    id: String,
    group: String,
    /// The last part of the address that requests come from.
    from: AtomicU8,
}

/// A browser on its way: the provider's address, and the cookie that it keeps.
struct OnTheWay {
    address: String,
    cookie: String,
}

impl Office {
    async fn open(creates_users: bool) -> Self {
        let world = World::empty().await;
        let provider = Provider::start();
        world.make("/api/v1/organisations", json!({ "name": "acme" })).await;
        let group = json!({ "organisation": "acme", "name": "staff" });
        let group = world.make("/api/v1/groups", group).await["id"].as_str().unwrap().to_owned();
        let binding = json!({ "role": "viewer", "group": group, "scope": "acme" });
        world.make("/api/v1/bindings", binding).await;
        let new = json!({ "organisation": "acme", "name": "sso", "config": {
            "issuer": provider.url(), "client_id": "client", "client_secret": "secret",
            "creates_users": creates_users, "listed": true,
            "groups": [{ "claim": "everybody", "group": group }],
        }});
        let made = world.make("/api/v1/identity-providers", new).await;
        assert!(made["has_client_secret"] == true && !made.to_string().contains("\"secret\""));
        let id = made["id"].as_str().unwrap().to_owned();
        provider.claims(json!({
            "sub": "ada", "name": "Ada Lovelace", "email": "ada@acme.test", "groups": ["everybody"],
        }));
        Self { world, provider, id, group, from: AtomicU8::new(1) }
    }

    async fn see(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::get(path)
            .header(header::HOST, "127.0.0.1:7711")
            .header(header::COOKIE, cookie)
            .extension(self.source())
            .body(Body::empty());
        self.world.ask(request.unwrap()).await
    }

    fn source(&self) -> ConnectInfo<SocketAddr> {
        let last = self.from.load(Ordering::SeqCst);
        ConnectInfo(SocketAddr::from(([192, 0, 2, last], 1)))
    }

    async fn leave(&self, next: &str) -> OnTheWay {
        let answer = self.see(&format!("/sign-in/{}?next={next}", self.id), "a=b").await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let line = answer.header("set-cookie");
        assert!(line.contains("HttpOnly; SameSite=Lax; Max-Age=600"), "{line}");
        let cookie = line.split(';').next().unwrap().to_owned();
        OnTheWay { address: answer.header("location").to_owned(), cookie }
    }

    async fn come_back(&self, way: &OnTheWay, code: &str, state: &str) -> Answer {
        self.see(&format!("/sign-in/callback?code={code}&state={state}"), &way.cookie).await
    }

    /// The whole way for whoever the provider says it is.
    async fn sign_in(&self) -> Answer {
        let way = self.leave("/events").await;
        let (code, asked) = self.provider.approve(&way.address);
        self.come_back(&way, &code, &asked["state"]).await
    }

    async fn users(&self) -> usize {
        let users = self.world.get(&self.world.operator, "/api/v1/users?organisation=acme").await;
        users.expect(200)["items"].as_array().unwrap().len()
    }
}

fn session_of(answer: &Answer) -> String {
    let lines = answer.headers.get_all("set-cookie").iter();
    let line = lines.map(|line| line.to_str().unwrap()).find(|l| l.starts_with("cocarde_session="));
    line.expect("a session").split(';').next().unwrap().to_owned()
}

fn has_session(answer: &Answer) -> bool {
    answer
        .headers
        .get_all("set-cookie")
        .iter()
        .any(|l| l.to_str().unwrap().contains("_session=ccs_"))
}

#[tokio::test]
async fn a_person_signs_in_and_their_groups_are_their_rights() {
    let office = Office::open(true).await;
    let page = office.see("/login", "").await.text();
    assert!(page.contains(&format!("/sign-in/{}", office.id)) && page.contains("sso"));
    let way = office.leave("/events").await;
    let (code, asked) = office.provider.approve(&way.address);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "client"),
        ("redirect_uri", "http://127.0.0.1:7711/sign-in/callback"),
        ("code_challenge_method", "S256"),
        ("scope", "openid profile email"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(asked["state"].len() >= 20 && asked["nonce"].len() >= 20);
    let answer = office.come_back(&way, &code, &asked["state"]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("content=\"0; url=/events\""), "{}", answer.text());
    let cookie = session_of(&answer);
    assert_eq!(office.see("/", &cookie).await.status, 200);
    assert_eq!(office.users().await, 1);

    // Out of the group at the provider: out of it here at the next sign-in.
    office.provider.claims(json!({ "sub": "ada", "groups": ["others"] }));
    let cookie = session_of(&office.sign_in().await);
    assert_eq!(office.see("/", &cookie).await.status, 403);
    assert_eq!(office.users().await, 1, "the same person");
    let path = format!("/api/v1/groups/{}", office.group);
    let group = office.world.get(&office.world.operator, &path).await;
    assert!(group.status == 200 && !group.text().contains("usr_"), "{}", group.text());
    // Nothing of the person is in the log.
    let events = office.world.get(&office.world.operator, "/api/v1/events?limit=1000").await.text();
    for secret in ["Ada", "ada@", "\"ada\"", "client:secret", "\"secret\":\"secret\""] {
        assert!(!events.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_token_that_lies_opens_nothing() {
    let office = Office::open(true).await;
    for (lie, told) in [
        (Lie::Audience, "audience"),
        (Lie::ExtraAudience, "audience"),
        (Lie::Issuer, "issuer"),
        (Lie::Nonce, "nonce"),
        (Lie::Expired, "expired"),
        (Lie::OtherKey, "signature"),
        (Lie::Unsigned, "ID token"),
        (Lie::NoIdToken, "ID token"),
        (Lie::Html, "token endpoint"),
        (Lie::HugeAnswer, "token endpoint"),
        (Lie::Redirect, "token endpoint"),
    ] {
        office.provider.lie(lie);
        // Each failure counts against the source: this is about the token.
        office.from.fetch_add(1, Ordering::SeqCst);
        let answer = office.sign_in().await;
        assert!(matches!(answer.status, 401 | 403 | 502), "{lie:?}: {}", answer.status);
        assert!(answer.text().contains(told), "{lie:?}: {}", answer.text());
        assert!(!has_session(&answer) && !answer.text().contains("<script"), "{lie:?}");
    }
    assert_eq!(office.users().await, 0, "nobody was made");
    office.provider.lie(Lie::None);
    assert!(has_session(&office.sign_in().await));
}

#[tokio::test]
async fn the_way_back_belongs_to_the_browser_that_left_and_is_walked_once() {
    let office = Office::open(true).await;
    let (mine, theirs) = (office.leave("/").await, office.leave("/").await);
    let (code, asked) = office.provider.approve(&mine.address);
    // Somebody else's browser with my state and code: signing in as another, unasked.
    let way = OnTheWay { address: String::new(), cookie: theirs.cookie.clone() };
    let refused = office.come_back(&way, &code, &asked["state"]).await;
    assert!(refused.status == 401 && !has_session(&refused), "{}", refused.text());
    // That attempt is over for me as well.
    assert_eq!(office.come_back(&mine, &code, &asked["state"]).await.status, 401);
    // A code that was got elsewhere, put into my own attempt: the verifier is not its own.
    let (stolen, _) = office.provider.approve(&office.leave("/").await.address);
    let (_, asked) = office.provider.approve(&theirs.address);
    let refused = office.come_back(&theirs, &stolen, &asked["state"]).await;
    assert!(refused.status == 403 && !has_session(&refused), "{}", refused.text());
    // A state that was never given, and one used twice.
    let way = office.leave("/").await;
    let (code, asked) = office.provider.approve(&way.address);
    assert_eq!(office.come_back(&way, &code, "made-up").await.status, 401);
    assert_eq!(office.come_back(&way, &code, &asked["state"]).await.status, 200);
    assert_eq!(office.come_back(&way, &code, &asked["state"]).await.status, 401);
    // Another provider answers in this one's place.
    let way = office.leave("/").await;
    let (code, asked) = office.provider.approve(&way.address);
    let state = &asked["state"];
    let path = format!("/sign-in/callback?code={code}&state={state}&iss=https%3A%2F%2Fevil.test");
    assert_eq!(office.see(&path, &way.cookie).await.status, 401);
    // The person says no.
    let way = office.leave("/").await;
    let (_, asked) = office.provider.approve(&way.address);
    let path = format!("/sign-in/callback?error=access_denied&state={}", asked["state"]);
    let refused = office.see(&path, &way.cookie).await;
    assert!(refused.status == 403 && refused.text().contains("access_denied"));
    let way = office.leave("/").await;
    let (_, asked) = office.provider.approve(&way.address);
    let path = format!("/sign-in/callback?error=%3Cscript%3E&state={}", asked["state"]);
    assert!(!office.see(&path, &way.cookie).await.text().contains("script"));
}

#[tokio::test]
async fn nobody_is_led_to_another_site() {
    let office = Office::open(true).await;
    for next in ["%2F%2Fevil.test", "https%3A%2F%2Fevil.test", "%2F%5Cevil.test"] {
        let way = office.leave(next).await;
        let (code, asked) = office.provider.approve(&way.address);
        let answer = office.come_back(&way, &code, &asked["state"]).await;
        assert!(answer.text().contains("url=/\"") && !answer.text().contains("evil"), "{next}");
    }
    // The provider is told our own address, whatever host a request names.
    let request = |host: &str| {
        Request::get(format!("/sign-in/{}", office.id))
            .header(header::HOST, host)
            .header("x-forwarded-host", "evil.test")
            .body(Body::empty())
            .unwrap()
    };
    for host in ["evil.test", "127.0.0.1.evil.test", "user@127.0.0.1@evil.test", ""] {
        let answer = office.world.ask(request(host)).await;
        assert_eq!(answer.status, 503, "{host}: {}", answer.text());
    }
    office.world.platform.set_public_url("https://compute.example.fr/");
    let answer = office.world.ask(request("evil.test")).await;
    let to = answer.header("location");
    assert!(
        to.contains("redirect_uri=https%3A%2F%2Fcompute.example.fr%2Fsign-in%2Fcallback"),
        "{to}"
    );
    assert!(answer.header("set-cookie").starts_with("__Host-cocarde_sign_in="));
}

#[tokio::test]
async fn keys_that_are_not_known_are_asked_for_once() {
    let office = Office::open(true).await;
    assert!(has_session(&office.sign_in().await));
    let before = office.provider.asked("/keys");
    office.provider.lie(Lie::OtherKey);
    for _ in 0..5 {
        assert!(!has_session(&office.sign_in().await));
    }
    assert!(office.provider.asked("/keys") <= before + 1, "asked again and again");
}

#[tokio::test]
async fn strangers_are_made_only_where_that_is_allowed() {
    let office = Office::open(false).await;
    let refused = office.sign_in().await;
    assert!(refused.status == 403 && refused.text().contains("nobody here"), "{}", refused.text());
    // Somebody whom an administrator has made is met by the address, once.
    let new = json!({ "organisation": "acme", "name": "Ada", "email": "Ada@acme.test" });
    let made = office.world.make("/api/v1/users", new).await;
    assert!(has_session(&office.sign_in().await));
    office.provider.claims(json!({ "sub": "mallory", "email": "ada@acme.test" }));
    let refused = office.sign_in().await;
    assert!(refused.status == 403 && !has_session(&refused), "an address is no second way in");
    office
        .provider
        .claims(json!({ "sub": "eve", "email": "ada@acme.test", "email_verified": false }));
    assert!(!has_session(&office.sign_in().await));
    // Suspended here is suspended, whatever the provider says.
    office.provider.claims(json!({ "sub": "ada" }));
    let cookie = session_of(&office.sign_in().await);
    let path = format!("/api/v1/users/{}/suspend", made["id"].as_str().unwrap());
    office.world.make(&path, json!({})).await;
    assert_eq!(office.see("/sessions", &cookie).await.status, 303);
    let refused = office.sign_in().await;
    assert!(refused.status == 403 && refused.text().contains("suspended"));
}

#[tokio::test]
async fn the_command_line_signs_in_with_a_code() {
    let office = Office::open(true).await;
    let begin = json!({ "provider": office.provider.url() });
    let begun = office.world.call("", "POST", "/api/v1/sign-in/devices", begin).await.expect(201);
    assert_eq!(begun["user_code"], "ABCD-EFGH");
    assert!(!begun.to_string().contains("device-secret"), "the device code stays here");
    let ask = json!({ "handle": begun["handle"] });
    let poll = || office.world.call("", "POST", "/api/v1/sign-in/devices/poll", ask.clone());
    // Too early: nobody else is asked.
    assert_eq!(poll().await.expect(200)["ask_again_in_s"], 1);
    assert_eq!(office.provider.asked("/token"), 0);
    let mut state = wait(&office, &ask).await;
    assert_eq!(state.expect(200)["ask_again_in_s"], 1, "{}", state.text());
    office.provider.agree(true);
    state = wait(&office, &ask).await;
    let begun = state.expect(200)["begun"].clone();
    let secret = begun["secret"].as_str().unwrap();
    assert_eq!(begun["session"]["device"], "command_line");
    assert_eq!(office.world.get(secret, "/api/v1/organisations").await.status, 200);
    // One agreement, one session.
    assert_eq!(poll().await.status, 401);
    let path = "/api/v1/sessions/current";
    office.world.call(secret, "DELETE", path, Value::Null).await.expect(200);
    assert_eq!(office.world.get(secret, "/api/v1/organisations").await.status, 401);
}

/// The answer after the second that the provider wants to be left alone.
async fn wait(office: &Office, ask: &Value) -> Answer {
    let before = office.provider.asked("/token");
    loop {
        let path = "/api/v1/sign-in/devices/poll";
        let answer = office.world.call("", "POST", path, ask.clone()).await;
        if office.provider.asked("/token") > before || answer.status != 200 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_code_that_is_refused_or_guessed_is_nothing() {
    let office = Office::open(true).await;
    let begin = json!({ "provider": "sso" });
    let begun = office.world.call("", "POST", "/api/v1/sign-in/devices", begin).await.expect(201);
    office.provider.agree(false);
    let ask = json!({ "handle": begun["handle"] });
    assert_eq!(wait(&office, &ask).await.status, 403);
    assert_eq!(wait(&office, &ask).await.status, 401);
    for handle in ["", "x", "device-secret", &"A".repeat(5_000)] {
        let path = "/api/v1/sign-in/devices/poll";
        let answer = office.world.call("", "POST", path, json!({ "handle": handle })).await;
        assert!(matches!(answer.status, 401 | 422), "{}", answer.text());
    }
    let path = "/api/v1/sign-in/devices";
    let unknown = json!({ "provider": "https://unknown.test" });
    let unknown = office.world.call("", "POST", path, unknown).await;
    assert_eq!(unknown.status, 404);
    let mut statuses = BTreeMap::new();
    for _ in 0..12 {
        let begin = json!({ "provider": office.provider.url() });
        let answer = office.world.call("", "POST", path, begin).await;
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    assert!(statuses[&429] >= 5, "a flood of beginnings is slowed down: {statuses:?}");
}
