//! The console's pages as a reader sees them: text, not markup.

use axum::body::Body;
use expect_test::expect_file;
use http::{Request, header};

use crate::world::{Answer, World, tenant, without_ids};

async fn page(world: &World, path: &str, key: &str) -> Answer {
    let request = Request::get(path)
        .header(header::HOST, "console.test")
        .header(header::COOKIE, world.sign_in(key).await);
    world.ask(request.body(Body::empty()).unwrap()).await
}

/// The text between tags, one line for each block; ids and times as they vary are replaced.
fn text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html.split_once("<main").map_or(html, |(_, main)| main);
    rest = rest.split_once('>').map_or(rest, |(_, main)| main);
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let (tag, more) = after.split_once('>').unwrap_or((after, ""));
        if !tag.starts_with("code") && !tag.starts_with("/code") {
            out.push(if tag.starts_with("/t") || tag.starts_with("/d") { '|' } else { ' ' });
        }
        rest = more;
    }
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let lines = lines.filter(|line| !line.chars().all(|c| c == '|' || c == ' '));
    lines.map(|line| stable(&line) + "\n").collect()
}

/// Replaces what differs from run to run.
fn stable(line: &str) -> String {
    let word = |word: &str| -> String {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_date = bare.starts_with("20") && bare.matches('-').count() == 2;
        let is_clock = bare.len() == 8 && bare.matches(':').count() == 2;
        let hash = word.trim_end_matches('|');
        let is_root = hash.len() == 44 && hash.ends_with('=');
        match (is_date, is_clock, is_root) {
            (true, ..) => "DATE".to_owned(),
            (_, true, _) => "TIME".to_owned(),
            (.., true) => "ROOT".to_owned(),
            _ if word.contains("cocarde.") || word.contains("log-") => "ORIGIN".to_owned(),
            _ => word.to_owned(),
        }
    };
    without_ids(line).split(' ').map(word).collect::<Vec<_>>().join(" ")
}

const PAGES: [&str; 5] = ["/", "/workloads", "/artefacts", "/costs", "/events"];

#[tokio::test]
async fn an_empty_platform_says_what_to_do_next() {
    let world = World::empty().await;
    let mut all = String::new();
    for path in PAGES {
        let answer = page(&world, path, &world.operator).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        all.push_str(&format!("== {path}\n{}", text(&answer.text())));
    }
    expect_file!["./pages_empty.txt"].assert_eq(&all);
}

#[tokio::test]
async fn a_platform_at_work_is_shown() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let mut all = String::new();
    let detail = format!("/workloads/{}", acme.workload);
    for (name, path) in
        PAGES.map(|p| (p, p)).into_iter().chain([("/workloads/ID", detail.as_str())])
    {
        let answer = page(&world, path, &world.operator).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let html = answer.text();
        assert!(html.contains("<html lang=\"en\">") && !html.contains("<script"), "{path}");
        assert!(!html.contains("http://www") && !html.contains("https://"), "{path}");
        assert_eq!(html.matches("<main").count(), 1);
        all.push_str(&format!("== {name}\n{}", text(&html)));
    }
    expect_file!["./pages_full.txt"].assert_eq(&all);
}

#[tokio::test]
async fn tenants_see_their_own() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    tenant(&world, "rival").await;
    let key = world.key("viewer", ("organisation", "rival")).await;
    for path in PAGES {
        let html = page(&world, path, &key).await.text();
        assert!(!html.contains("acme") && !html.contains(&acme.project), "{path}: {html}");
    }
    let hidden = page(&world, &format!("/workloads/{}", acme.workload), &key).await;
    assert_eq!(hidden.status, 404);
    assert!(hidden.text().contains("does not exist"));
}

#[tokio::test]
async fn names_cannot_bring_markup() {
    let world = World::empty().await;
    let request = Request::get("/events?after=%3Cscript%3E")
        .header(header::COOKIE, world.sign_in(&world.operator).await);
    let answer = world.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.text().contains("<script"));
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}
