//! Settings: contexts are remembered for their owner only, and tokens never shown.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{Home, nobody};

#[test]
fn login_remembers_for_the_owner_only() {
    let home = Home::new();
    let server = nobody();
    let file = home.path(".config/cocarde/config.json");
    let ran = home.run_with(&["login", &server, "--no-check", "--name", "one"], b"secret-1\n");
    ran.check(0, &["remembered as `one`"]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let folder = fs::metadata(file.parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    home.run(&["login", &server, "--no-check", "--name", "two", "--token", "secret-2"])
        .check(0, &["remembered as `two`"]);
    for arguments in [&["login"][..], &["login", "-o", "json"], &["use"]] {
        let ran = home.run(arguments);
        ran.check(0, &[]);
        assert!(ran.stdout.contains("one") && ran.stdout.contains("two"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("secret"), "{}", ran.stdout);
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("secret-1") && text.contains("\"current\": \"two\""), "{text}");
}

#[test]
fn use_switches_and_names_what_is_near() {
    let home = Home::new();
    home.run(&["use", "work"]).check(3, &["no platform is remembered"]);
    home.run(&["use", "--project", "o/p"]).check(2, &["no platform is in use"]);
    let server = nobody();
    for name in ["work", "home"] {
        home.run(&["login", &server, "--no-check", "--name", name, "--token", "t"]).check(0, &[]);
    }
    home.run(&["use", "wrk"]).check(3, &["did you mean `work`?"]);
    home.run(&["use", "work", "--project", "orange/nlp"]).check(0, &["orange/nlp"]);
    let ran = home.run(&["use"]);
    assert!(ran.stdout.contains("*  work") && ran.stdout.contains("orange/nlp"), "{}", ran.stdout);
    // The project in use now reaches commands; the platform is still not there.
    home.run(&["run", "--", "true"]).check(6, &["nothing listens at"]);
}

#[test]
fn a_token_is_needed_and_limited() {
    let home = Home::new();
    let server = nobody();
    home.run_with(&["login", &server, "--no-check"], b"\n").check(2, &["no token was given"]);
    home.run(&["login", &server, "--no-check"]).check(2, &["no token was given"]);
}

#[test]
fn the_environment_wins_over_the_context() {
    let home = Home::new();
    home.run(&["login", "http://127.0.0.1:1", "--no-check", "--token", "t"]).check(0, &[]);
    let other = nobody();
    let output = home.command(&["ps"]).env("COCARDE_SERVER", &other).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains(&other));
    let output = home.command(&["ps"]).env("XDG_CONFIG_HOME", home.path("x")).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("http://127.0.0.1:7711"));
}

#[test]
fn damaged_settings_are_said_and_kept() {
    let home = Home::new();
    let file = home.path(".config/cocarde/config.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "{").unwrap();
    home.run(&["ps"]).check(7, &["is not a settings file", "remedy: "]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{");
}

#[test]
fn messages_follow_their_variable_and_nothing_is_coloured() {
    let home = Home::new();
    let output = home.command(&["login"]).env("COCARDE_LOG", "warn,exec=loud").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("COCARDE_LOG is not understood"), "{stderr}");
    let ran = home.run(&["doctor", "--listen", "127.0.0.1:0", "--server", &nobody()]);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'));
}
