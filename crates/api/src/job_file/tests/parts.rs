//! Shares of GPUs and MIG profiles, as a text or a map.

use super::*;

/// MIG instances of any model and of one.
pub(super) const PROFILES: [&str; 2] = ["'3g.40gb+me'", "'H100:1g.10gb'"];

/// What the text after `gpu:` asks for, or the first refusal.
fn gpus(text: &str) -> Result<crate::quantity_text::GpuRequest, String> {
    let text = format!("{SMALL}resources: {{ gpu: {text} }}\n");
    let file = JobFile::parse(text.as_bytes()).map_err(|error| format!("{error:?}"))?;
    file.resolve().map(|job| job.gpus).map_err(|errors| format!("{errors:?}"))
}

#[test]
fn parts_of_a_gpu_are_a_text_or_a_map() {
    for (map, text) in [
        ("{ model: H100, share: 0.25 }", "'H100:0.25'"),
        ("{ share: '0.5' }", "'0.5'"),
        ("{ model: A100|H100, profile: 1g.10gb }", "'A100|H100:1g.10gb'"),
        ("{ model: H200, count: 4 }", "'H200:4'"),
        ("{ model: H200 }", "H200"),
    ] {
        assert_eq!(gpus(map), gpus(text), "{map}");
        assert!(gpus(map).is_ok(), "{map}: {:?}", gpus(map));
    }
    let profile = gpus("1g.10gb").unwrap();
    assert_eq!((profile.profile.as_deref(), profile.first.count.0), (Some("1g.10gb"), 1));
    for (bad, remedy) in [
        ("{ share: 2 }", "write 0.001 to 0.999"),
        ("{ share: 0.5, count: 2 }", "keep one of them"),
        ("{ share: 0.5, profile: 1g.10gb }", "keep one of them"),
        ("{ part: 0.5 }", "unknown field `part`"),
        ("'H100:1.5'", "write for example"),
        ("['H100:1g.10gb', '0.5']", "the same share"),
    ] {
        let refusal = gpus(bad).unwrap_err();
        assert!(refusal.contains(remedy), "{bad}: {refusal}");
    }
}
