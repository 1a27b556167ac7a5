//! How long a decision takes with fifty policies, and an answer on record.
//!
//! Prints percentiles as well as criterion's own figures: the bar is a 99th percentile. Beside them
//! stands the time of a fixed piece of work, so that figures of a busy machine can be compared.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a benchmark measures time, prints what it found and ends on a mistake"
)]

use std::{hint::black_box, time::Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use policy::{
    Action, Ask, Category, LegalFacts, Policies, PolicySource, Question, Recorded, Residency,
    SiteFacts, Table,
};
use sha2::{Digest as _, Sha256};
use units::{DataClass, Id};

/// Two of the base, eight of the default residency, and forty of tenants and operators.
fn fifty() -> Policies {
    let own: String = (0..40)
        .map(|number| {
            let country = ["FR", "DE", "SE", "FI"][number % 4];
            let class = ["public", "internal", "confidential", "restricted"][number / 4 % 4];
            format!(
                "@id(\"p{number}\") forbid (principal in Organisation::\"org_{number}\", action, \
                 resource) when {{ context.class == Class::\"{class}\" && resource.country != \
                 \"{country}\" }};\n"
            )
        })
        .collect();
    let source = |id: &str, text: String| PolicySource { id: id.to_owned(), text };
    let sources = [source("residency", Residency::european().to_cedar()), source("own", own)];
    let policies = Policies::compile(&sources).unwrap();
    assert_eq!(policies.ids().len(), 50);
    policies
}

fn question(number: usize) -> Question {
    let id = |seed: usize| [u8::try_from(seed % 250).unwrap(); 10];
    Question {
        action: Action::ALL[number % 3],
        organisation: format!("org_{}", number % 60),
        project: Id::<units::kinds::Project>::from_parts(1, id(number)).to_string(),
        class: DataClass::ALL[number / 3 % 4],
        category: Category::ALL[number / 12 % 4],
        residency: (number.is_multiple_of(5)).then(|| vec!["FR".parse().unwrap()]),
        site: SiteFacts {
            id: Id::<units::kinds::Site>::from_parts(1, id(number / 7)).to_string(),
            name: "hall".to_owned(),
            country: ["FR", "DE", "US", "CH"][number / 48 % 4].parse().unwrap(),
            operator: "Exemple SA".to_owned(),
            operator_country: "FR".parse().unwrap(),
            certifications: vec!["SecNumCloud 3.2".to_owned()],
            legal: LegalFacts::default(),
        },
    }
}

/// Microseconds at the median and the 99th percentile over `n` subjects. Each is run five times and the
/// quickest counts: what is left is what the subject itself costs, not who else used the processor.
fn percentiles(name: &str, n: usize, mut run: impl FnMut(usize)) -> (f64, f64) {
    let mut nanos: Vec<u128> = Vec::with_capacity(n);
    for number in 0..n {
        let once = |run: &mut dyn FnMut(usize)| {
            let started = Instant::now();
            run(number);
            started.elapsed().as_nanos()
        };
        nanos.extend((0..5).map(|_| once(&mut run)).min());
    }
    nanos.sort_unstable();
    let at = |share: usize| nanos[(n * share / 100).min(n - 1)] as f64 / 1_000.0;
    let (median, p99) = (at(50), at(99));
    eprintln!("{name}: median {median:.2} µs, p99 {p99:.2} µs over {n} subjects");
    (median, p99)
}

fn decisions(criterion: &mut Criterion) {
    let policies = fifty();
    let questions: Vec<Question> = (0..1_000).map(question).collect();
    // SHA-256 of 16 KiB: a yardstick for the machine at this moment.
    let block = vec![7_u8; 16 * 1024];
    let (yard, _) = percentiles("yardstick, SHA-256 of 16 KiB", 2_000, |_| {
        black_box(Sha256::digest(black_box(&block)));
    });
    let (median, p99) = percentiles("decision, 50 policies", 5_000, |number| {
        black_box(policies.decide(black_box(&questions[number % questions.len()])));
    });
    eprintln!("in yardsticks: median {:.2}, p99 {:.2}", median / yard, p99 / yard);
    let mut table = Table::default();
    let asks: Vec<Ask> = questions.iter().filter_map(Ask::of).collect();
    assert_eq!(asks.len(), questions.len());
    for (seq, (ask, question)) in (0..).zip(asks.iter().zip(&questions)) {
        let decision = policies.decide(question);
        table.record(seq, Recorded { ask: ask.clone(), decision }, 100_000);
    }
    percentiles("answer on record, 1,000 known", 100_000, |number| {
        black_box(table.allows(black_box(&asks[number % asks.len()])));
    });
    criterion.bench_function("decision/50 policies", |bench| {
        let mut number = 0;
        bench.iter(|| {
            number += 1;
            black_box(policies.decide(&questions[number % questions.len()]))
        });
    });
    criterion.bench_function("decision/on record", |bench| {
        let mut number = 0;
        bench.iter(|| {
            number += 1;
            black_box(table.allows(&asks[number % asks.len()]))
        });
    });
}

criterion_group!(benches, decisions);
criterion_main!(benches);
