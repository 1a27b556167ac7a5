//! The site that this machine stands in, as its operator declares it.

use anyhow::bail;
use server::SiteConfig;
use units::{Country, Name};

/// The declaration as given on the command line.
#[derive(Debug, Clone)]
pub(crate) struct SiteArgs {
    /// The site's name.
    pub(crate) name: Name,
    /// Where it stands.
    pub(crate) country: Country,
    /// Who runs it.
    pub(crate) operator: String,
    /// Jurisdiction of the operator's ultimate owner; the site's country if not given.
    pub(crate) operator_country: Option<Country>,
    /// Grid intensity in gCO2e/kWh with its source.
    pub(crate) carbon: Option<(u32, String)>,
    /// Power usage effectiveness × 1,000.
    pub(crate) pue_milli: u32,
}

/// Annual grid intensities with their sources, for sites whose operator gives none.
const CARBON: [(&str, u32, &str); 4] = [
    ("FR", 20, "RTE eCO2mix 2025, direct, production: 10.9 Mt / 547.5 TWh = 19.9 g/kWh"),
    ("DE", 381, "codecarbon 3.3.2, annual value for DEU"),
    ("SE", 41, "codecarbon 3.3.2, annual value for SWE (40.7)"),
    ("PL", 662, "codecarbon 3.3.2, annual value for POL"),
];

impl SiteArgs {
    /// The declaration with its defaults filled in.
    ///
    /// # Errors
    /// If no carbon intensity is known for the country and none was given.
    pub(crate) fn declaration(&self) -> anyhow::Result<SiteConfig> {
        let known = CARBON.iter().find(|(country, ..)| *country == self.country.as_str());
        let carbon = self.carbon.clone().or_else(|| known.map(|(_, g, s)| (*g, (*s).to_owned())));
        let Some((carbon_g_per_kwh, carbon_source)) = carbon else {
            bail!(
                "no carbon intensity is known for `{}`: give `--site-carbon-g-per-kwh N` and `--site-carbon-source TEXT`",
                self.country
            );
        };
        Ok(SiteConfig {
            country: self.country,
            operator: self.operator.clone(),
            operator_country: self.operator_country.unwrap_or(self.country),
            certifications: Vec::new(),
            pue_milli: self.pue_milli,
            carbon_g_per_kwh,
            carbon_source,
            power_cap_w: None,
            operator_entity: None,
            owner_entity: None,
        })
    }
}

/// A node's name from its host name: what is not allowed in names becomes `-`.
pub(crate) fn node_name(hostname: &str) -> Name {
    let lower = hostname.to_ascii_lowercase();
    let clean: String = lower
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(Name::MAX_BYTES)
        .collect();
    let trimmed = clean.trim_matches('-');
    trimmed.parse().unwrap_or_else(|_| fallback())
}

#[expect(clippy::unwrap_used, reason = "`node` keeps every rule for names, as a test shows")]
fn fallback() -> Name {
    "node".parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_name_gives_a_node_name() {
        for (host, name) in
            [("Paris-1.example.org", "paris-1-example-org"), ("", "node"), ("--", "node")]
        {
            assert_eq!(node_name(host).as_str(), name);
        }
    }

    #[test]
    fn an_unknown_country_needs_its_carbon_figure() {
        let mut site = SiteArgs {
            name: "local".parse().unwrap(),
            country: "FR".parse().unwrap(),
            operator: "me".to_owned(),
            operator_country: None,
            carbon: None,
            pue_milli: 1_000,
        };
        assert_eq!(site.declaration().unwrap().carbon_g_per_kwh, 20);
        site.country = "ZZ".parse().unwrap();
        assert!(site.declaration().unwrap_err().to_string().contains("--site-carbon"));
        site.carbon = Some((5, "own meter".to_owned()));
        assert_eq!(site.declaration().unwrap().carbon_g_per_kwh, 5);
    }
}
