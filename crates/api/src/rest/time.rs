use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in UTC as the contract writes it: `2016-08-22T17:40:16Z`, whole seconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
pub struct Time(Timestamp);

impl Time {
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        // Seconds of a valid timestamp are a valid timestamp.
        Self(Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339, without a fraction where there is none.
        self.0.fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    /// Accepts RFC 3339, and what early servers sent: `UTC` for the zone, or none at all.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.parse::<Timestamp>().or_else(|error| {
            format!("{}Z", text.strip_suffix("UTC").unwrap_or(&text)).parse().map_err(|_| de::Error::custom(error))
        })?;
        Ok(parsed.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_servers_sent_is_read_and_one_is_written() {
        for text in ["2016-08-22T17:40:16Z", "2016-08-22T17:40:16.75Z", "2016-08-22T17:40:16UTC", "2016-08-22T17:40:16"]
        {
            let time: Time = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(time).unwrap(), "2016-08-22T17:40:16Z", "{text}");
        }
        assert!(serde_json::from_value::<Time>("yesterday".into()).is_err());
    }
}
