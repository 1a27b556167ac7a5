//! Invented intensities with the shape of a region: a dip while the sun shines, less on weekends, and
//! weather that lasts. SIMULATED: for tests and for regions whose lists a reader has to bring.
//!
//! The parameters are round numbers for the shape of a grid, set once and not fitted to any result.

use sched::carbon::{Series, SeriesError};

use super::dates::{DAY_S, second_of_day, weekday};
use crate::rng::Rng;

/// The shape of a region's intensity. Shares are per mille of the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Name with the word simulated in it.
    pub name: &'static str,
    /// Mean before the dips, in grams of CO2e for each kilowatt-hour.
    pub mean_g: u32,
    /// Depth of the dip at noon in midsummer; a third of it in midwinter.
    pub sun: i64,
    /// Height of the peak in the evening.
    pub evening: i64,
    /// Depth of the night's valley.
    pub night: i64,
    /// How much lower weekends are.
    pub weekend: i64,
    /// Standard deviation of the weather.
    pub weather: i64,
    /// How long weather lasts, in hours.
    pub weather_h: i64,
}

impl Shape {
    /// Much wind and sun over coal and gas.
    pub const LIKE_GERMANY: Self = Self {
        name: "like Germany (simulated)",
        mean_g: 330,
        sun: 350,
        evening: 60,
        night: 50,
        weekend: 120,
        weather: 220,
        weather_h: 36,
    };

    /// Much wind over gas.
    pub const LIKE_BRITAIN: Self = Self {
        name: "like Britain (simulated)",
        mean_g: 220,
        sun: 150,
        evening: 120,
        night: 180,
        weekend: 100,
        weather: 250,
        weather_h: 36,
    };

    /// Nuclear with some gas.
    pub const LIKE_FRANCE: Self = Self {
        name: "like France (simulated)",
        mean_g: 58,
        sun: 100,
        evening: 80,
        night: 60,
        weekend: 80,
        weather: 220,
        weather_h: 60,
    };

    /// Sun and wind that cover all of the load at times, over gas.
    pub const LIKE_SOUTH_AUSTRALIA: Self = Self {
        name: "like South Australia (simulated)",
        mean_g: 320,
        sun: 800,
        evening: 200,
        night: 50,
        weekend: 40,
        weather: 350,
        weather_h: 24,
    };

    /// Half-hourly intensities from a time on.
    ///
    /// # Errors
    /// [`SeriesError`] for no or too many slots.
    pub fn series(&self, start_s: i64, n_slots: usize, seed: u64) -> Result<Series, SeriesError> {
        const STEP_S: u32 = 1_800;
        let mut rng = Rng::new(seed).child(self.name);
        let mut weather = 0_i64;
        let mut time_s = start_s;
        let mut values = Vec::with_capacity(n_slots);
        for _ in 0..n_slots {
            weather = self.next_weather(weather, &mut rng);
            let share = 1_000 + self.calendar(time_s) + weather / 1_000;
            let milligrams = i64::from(self.mean_g) * share.clamp(50, 4_000);
            values.push(u32::try_from(milligrams).unwrap_or(u32::MAX));
            time_s += i64::from(STEP_S);
        }
        Series::new(start_s, STEP_S, values)
    }

    /// Weather forgets a part of itself in each slot and gets as much new, so that its variance
    /// stays. In millionths of the mean.
    fn next_weather(&self, weather: i64, rng: &mut Rng) -> i64 {
        let slots = (self.weather_h * 2).max(2);
        // An even draw of ±w has the variance w²/3; a first-order process keeps the variance of its
        // steps × slots/2, so w² = 6/slots × σ².
        let width = self.weather * 1_000 * 1_000 / (slots * 1_000_000 / 6).isqrt().max(1);
        let span = u64::try_from(width * 2).unwrap_or(0);
        let step = i64::try_from(rng.between(0, span)).unwrap_or(0) - width;
        weather - weather / slots + step
    }

    /// What sun, evening, night and weekend add, in per mille of the mean.
    fn calendar(&self, time_s: i64) -> i64 {
        let minute = second_of_day(time_s) / 60;
        let day = time_s.div_euclid(DAY_S).rem_euclid(365);
        // From 0 at the start of winter to 1,000 at the start of summer, without a sine.
        let season = 1_000 - (day - 172).abs().min(365 - (day - 172).abs()) * 1_000 / 183;
        let daylight = 8 * 60 + season * 8 * 60 / 1_000;
        let sun = hump(minute, 12 * 60 + 30, daylight / 2) * self.sun / 1_000;
        let sun = sun * (333 + season * 667 / 1_000) / 1_000;
        let evening = hump(minute, 19 * 60, 180) * self.evening / 1_000;
        let night = hump(minute, 3 * 60, 240) * self.night / 1_000;
        let weekend = if weekday(time_s) >= 5 { self.weekend } else { 0 };
        evening - sun - night - weekend
    }
}

/// A parabola of height 1,000 around a minute of the day, 0 beyond its half width.
fn hump(minute: i64, centre: i64, half: i64) -> i64 {
    let away = (minute - centre).abs();
    if away >= half { 0 } else { 1_000 - away * away * 1_000 / (half * half) }
}
