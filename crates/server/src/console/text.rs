//! Figures for people: sizes, cores, money, energy, time. Never used for reckoning.

use units::{Bytes, MicroEuro, MilliCpu, MilliGram, MilliJoule, PriceUnit};

/// Cores with two decimals.
pub(crate) fn cores(cpu: MilliCpu) -> String {
    format!("{}.{:02}", cpu.0 / 1_000, cpu.0 % 1_000 / 10)
}

/// A size in its largest fitting binary unit, with one decimal.
pub(crate) fn size(bytes: Bytes) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, scale)| bytes.0 >= *scale) {
        None => format!("{} B", bytes.0),
        Some((unit, scale)) => {
            let tenths = u128::from(bytes.0 % scale) * 10 / u128::from(*scale);
            format!("{}.{tenths} {unit}", bytes.0 / scale)
        }
    }
}

/// Money with all its decimals, for what is small must be seen.
pub(crate) fn money(amount: MicroEuro) -> String {
    amount.to_string()
}

/// Energy in kWh.
pub(crate) fn energy(energy: MilliJoule) -> String {
    energy.kwh_text()
}

/// Emissions in grams.
pub(crate) fn carbon(carbon: MilliGram) -> String {
    format!("{}.{:03} gCO2e", carbon.0 / 1_000, carbon.0 % 1_000)
}

/// A metered quantity in the unit that its price is per.
pub(crate) fn quantity(per: PriceUnit, base: u64) -> String {
    let base_per_unit = u64::try_from(per.base_per_unit()).unwrap_or(u64::MAX);
    let micro = u128::from(base % base_per_unit) * 1_000_000 / u128::from(base_per_unit);
    format!("{}.{micro:06} {}", base / base_per_unit, unit(per))
}

/// What a price is per.
pub(crate) const fn unit(per: PriceUnit) -> &'static str {
    match per {
        PriceUnit::CpuHour => "core-hours",
        PriceUnit::GpuHour => "GPU-hours",
        PriceUnit::MTokensIn => "million prompt tokens",
        PriceUnit::MTokensOut => "million generated tokens",
        PriceUnit::KilowattHour => "kWh",
        PriceUnit::EgressSwitchGib => "GiB out, switching",
        PriceUnit::EgressParallelGib => "GiB out, in parallel",
    }
}

/// A time to the second, UTC.
pub(crate) fn time(at: api::text::Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{} UTC", seconds.replace('T', " ")),
        None => text.replace('T', " ").replace('Z', " UTC"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(cores(MilliCpu(1_500)), "1.50");
        assert_eq!(size(Bytes(1_023)), "1023 B");
        assert_eq!(size(Bytes(1_536 << 20)), "1.5 GiB");
        assert_eq!(size(Bytes(u64::MAX)), "16777215.9 TiB");
        assert_eq!(carbon(MilliGram(1_234)), "1.234 gCO2e");
        assert_eq!(quantity(PriceUnit::CpuHour, 5_400_000_000), "1.500000 core-hours");
        let at = api::text::Timestamp(units::UnixMicros(1_700_000_000_123_456));
        assert_eq!(time(at), "2023-11-14 22:13:20 UTC");
    }
}
