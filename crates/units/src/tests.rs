//! Checks of text forms, rounding and limits.
#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]

use proptest::prelude::*;

use crate::*;

#[test]
fn ids_round_trip_and_keep_their_kind() {
    let id = Id::<kinds::Workload>::from_parts(1_764_000_000_000, [7; 10]);
    let text = id.to_string();
    assert!(text.starts_with("job_"));
    assert_eq!(text.parse::<Id<kinds::Workload>>().unwrap(), id);
    let error = text.parse::<Id<kinds::Project>>().unwrap_err();
    assert!(error.to_string().contains("`prj_`"));
    assert_eq!(id.as_bytes()[6] >> 4, 7, "version nibble");
    assert_eq!(id.as_bytes()[8] >> 6, 2, "variant bits");
}

#[test]
fn prefixes_differ() {
    let mut prefixes = kinds::PREFIXES.to_vec();
    prefixes.sort_unstable();
    prefixes.dedup();
    assert_eq!(prefixes.len(), kinds::PREFIXES.len());
}

#[test]
fn an_id_of_too_many_bits_is_refused() {
    assert!("job_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<Id<kinds::Workload>>().is_err());
    assert!("job_7zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<Id<kinds::Workload>>().is_ok());
}

#[test]
fn rating_rounds_half_to_even_and_keeps_the_remainder() {
    let price = |micro| Price { amount: MicroEuro(micro), per: PriceUnit::MTokensIn };
    let rated = |micro, tokens| rate(price(micro), tokens).unwrap();
    assert_eq!(rated(1, 500_000).amount, MicroEuro(0));
    assert_eq!(rated(1, 1_500_000).amount, MicroEuro(2));
    assert_eq!(rated(3, 500_000).amount, MicroEuro(2));
    assert_eq!(rated(1, 500_001).amount, MicroEuro(1));
    assert_eq!(rated(400_000, 12).amount, MicroEuro(5));
    assert!(rate(price(i64::MAX), u64::MAX).is_none());
}

#[test]
fn amounts_read_and_print() {
    assert_eq!("12.5 EUR".parse::<MicroEuro>().unwrap(), MicroEuro(12_500_000));
    assert_eq!(MicroEuro(-1_500_000).to_string(), "-1.500000 EUR");
    for bad in ["", "EUR", "-1", "1.1234567", "1,5", "99999999999999999999"] {
        assert!(bad.parse::<MicroEuro>().is_err(), "{bad}");
    }
}

#[test]
fn durations_read() {
    let secs = |text: &str| text.parse::<DurationMicros>().unwrap().as_secs();
    assert_eq!(secs("1h30m"), 5_400);
    assert_eq!(secs("300s"), 300);
    assert_eq!(secs("7d"), 604_800);
    for bad in ["", "5", "s", "1y", "-1s", "99999999999999d"] {
        assert!(bad.parse::<DurationMicros>().is_err(), "{bad}");
    }
}

#[test]
fn names_cannot_climb() {
    for bad in ["", ".", "..", "a/b", "../a", "a..b", "-a", "a-", "A", "é", "a b", "a\0"] {
        assert!(bad.parse::<Name>().is_err(), "{bad:?}");
    }
    for good in ["a", "llm-7b", "a.b_c", "0"] {
        assert!(good.parse::<Name>().is_ok(), "{good:?}");
    }
}

#[test]
fn energy_text_and_carbon() {
    assert_eq!(MilliJoule(MilliJoule::PER_KWH).kwh_text(), "1.000000 kWh");
    assert_eq!(MilliJoule(MilliJoule::PER_KWH).carbon(20).milligrams(), MilliGram(20_000));
    assert_eq!(
        MilliJoule(60_000).carbon(20),
        MicroGram(333),
        "a sample of a few seconds is not lost"
    );
    assert_eq!(MilliWatt(1_000).for_micros(3_600_000_000), MilliJoule(3_600_000));
}

proptest! {
    #[test]
    fn rating_is_exact_up_to_its_remainder(micro in 0i64..10_000_000_000, base in 0u64..1_000_000_000_000) {
        for per in PriceUnit::ALL {
            let rated = rate(Price { amount: MicroEuro(micro), per }, base).unwrap();
            let exact = i128::from(micro) * i128::from(base);
            prop_assert_eq!(i128::from(rated.amount.0) * per.base_per_unit() + rated.remainder, exact);
            prop_assert!(rated.remainder.abs() * 2 <= per.base_per_unit());
        }
    }

    #[test]
    fn any_text_parses_or_is_refused(text in "\\PC{0,90}") {
        let _ = text.parse::<Id<kinds::Site>>();
        let _ = text.parse::<Digest>();
        let _ = text.parse::<Name>();
        let _ = text.parse::<DurationMicros>();
        let _ = text.parse::<MicroEuro>();
    }

    #[test]
    fn digests_round_trip(bytes in any::<[u8; 32]>()) {
        let digest = Digest(bytes);
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    }
}
