//! Figures as people read them. For display only: nothing here is ever read back or added up.

use api::text::Timestamp;
use units::{Bytes, DurationMicros, MicroEuro, MilliCpu, MilliGram, MilliJoule, UnixMicros};

/// Now, by this machine's clock.
pub(crate) fn now() -> UnixMicros {
    UnixMicros(jiff::Timestamp::now().as_microsecond())
}

/// How long ago: `12s`, `5m`, `3h`, `8d`.
pub(crate) fn age(at: Timestamp, now: UnixMicros) -> String {
    let seconds = now.since(at.0).as_secs();
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A time to the second.
pub(crate) fn time(at: Timestamp) -> String {
    Timestamp(UnixMicros(at.0.secs().saturating_mul(1_000_000))).to_string()
}

/// A size in binary units with one decimal: `1.5 GiB`.
pub(crate) fn size(bytes: Bytes) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| bytes.0 >> shift > 0) {
        Some((unit, shift)) => {
            let tenths = (bytes.0 >> (shift - 10)).saturating_mul(10) >> 10;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{} B", bytes.0),
    }
}

/// Cores: `4`, `0.5`.
pub(crate) fn cores(cpu: MilliCpu) -> String {
    let rest = format!("{:03}", cpu.0 % 1_000);
    match rest.trim_end_matches('0') {
        "" => (cpu.0 / 1_000).to_string(),
        decimals => format!("{}.{decimals}", cpu.0 / 1_000),
    }
}

/// An amount with two decimals, or all six if those say more: `12.50 EUR`, `0.000013 EUR`.
pub(crate) fn euro(amount: MicroEuro) -> String {
    let text = amount.to_string();
    text.strip_suffix("0000 EUR").map_or_else(|| text.clone(), |short| format!("{short} EUR"))
}

/// Energy in kilowatt-hours.
pub(crate) fn energy(energy: MilliJoule) -> String {
    energy.kwh_text()
}

/// Emissions in grams.
pub(crate) fn carbon(mass: MilliGram) -> String {
    format!("{}.{:03} gCO2e", mass.0 / 1_000, mass.0 % 1_000)
}

/// A quantity in a base unit, as people say it.
pub(crate) fn quantity(quantity: u64, unit: &str) -> String {
    if unit.contains("microseconds") {
        return format!("{} ({unit})", DurationMicros(quantity));
    }
    match unit {
        "millijoules" => energy(MilliJoule(quantity)),
        _ => format!("{quantity} {unit}"),
    }
}

/// A word of the API's as it writes it: `Ready` is `ready`.
pub(crate) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// A text, or `-`.
pub(crate) fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_never_lose_money() {
        for (amount, text) in [
            (12_500_000, "12.50 EUR"),
            (13, "0.000013 EUR"),
            (0, "0.00 EUR"),
            (-1_000_000, "-1.00 EUR"),
        ] {
            assert_eq!(euro(MicroEuro(amount)), text);
        }
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (16 << 30, "16.0 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(Bytes(bytes)), text);
        }
        assert_eq!((cores(MilliCpu(4_000)), cores(MilliCpu(500))), ("4".into(), "0.5".into()));
        assert_eq!(carbon(MilliGram(1_234)), "1.234 gCO2e");
        assert_eq!(quantity(2_000_000, "core-microseconds"), "2.0s (core-microseconds)");
        assert_eq!(quantity(5, "tokens"), "5 tokens");
    }

    #[test]
    fn ages_grow_in_their_units() {
        let at = |seconds: i64| Timestamp(UnixMicros(-seconds * 1_000_000));
        for (seconds, text) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (172_800, "2d")]
        {
            assert_eq!(age(at(seconds), UnixMicros(0)), text);
        }
        assert_eq!(age(at(-5), UnixMicros(0)), "0s", "a clock that runs behind is no panic");
        assert_eq!(time(Timestamp(UnixMicros(1_500_000))), "1970-01-01T00:00:01Z");
    }
}
