//! Limits of memory and processor time: from the words of the contract to the quantities of Kubernetes.

use deis_kube::objects::Amount;

use crate::error::Error;

const MEMORY_FORMAT: &str =
    "Memory limit format: <number><unit> or <number><unit>/<number><unit>, where unit = B, K, M or G";
const CPU_FORMAT: &str = "CPU limit format: <value> or <value>/<value>, where value must be a numeric";

/// A part of a limit: how much it is, for comparing, and as a quantity of Kubernetes.
struct Part {
    size: f64,
    quantity: String,
}

/// `512M`, or request and limit as `256M/512M`. `0` alone is no limit of one's own: the platform's holds.
///
/// # Errors
/// [`Error::Field`] for anything else.
pub fn memory(text: &str) -> Result<Amount, Error> {
    let refused = || Error::field("memory", MEMORY_FORMAT);
    amount("memory", text, |part, is_first| memory_part(part, is_first).ok_or_else(refused))
}

/// `500m`, `0.5`, or request and limit as `250m/1`. `0` alone is no limit of one's own: the platform's holds.
///
/// # Errors
/// [`Error::Field`] for anything else.
pub fn cpu(text: &str) -> Result<Amount, Error> {
    let refused = || Error::field("cpu", CPU_FORMAT);
    amount("cpu", text, |part, _is_first| cpu_part(part).ok_or_else(refused))
}

fn amount(field: &'static str, text: &str, parse: impl Fn(&str, bool) -> Result<Part, Error>) -> Result<Amount, Error> {
    let Some((request, limit)) = text.split_once('/') else {
        let limit = parse(text, true)?;
        return Ok(Amount { request: None, limit: (limit.size > 0.0).then_some(limit.quantity) });
    };
    let (request, limit) = (parse(request, true)?, parse(limit, false)?);
    if limit.size <= 0.0 || request.size > limit.size {
        return Err(Error::field(field, format!("{text}: the request is larger than the limit")));
    }
    Ok(Amount { request: Some(request.quantity), limit: Some(limit.quantity) })
}

/// Only a first part may be `0` without a unit.
fn memory_part(text: &str, is_first: bool) -> Option<Part> {
    if is_first && text == "0" {
        return Some(Part { size: 0.0, quantity: "0".to_owned() });
    }
    let digits = text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let (suffix, factor) = match unit.to_ascii_uppercase().as_str() {
        "B" => ("", 1.0),
        "K" | "KB" => ("Ki", 1024.0),
        "M" | "MB" => ("Mi", 1024.0 * 1024.0),
        "G" | "GB" => ("Gi", 1024.0 * 1024.0 * 1024.0),
        _ => return None,
    };
    // Kubernetes counts in 64 bits.
    let size = number.parse::<u32>().ok().map(f64::from)? * factor;
    Some(Part { size, quantity: format!("{}{suffix}", number.parse::<u32>().ok()?) })
}

fn cpu_part(text: &str) -> Option<Part> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (number, unit) = text.strip_suffix('m').map_or((text, ""), |number| (number, "m"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.is_empty() || !(1..=12).contains(&number.len()) {
        return None;
    }
    let number = if whole.is_empty() { format!("0{number}") } else { number.to_owned() };
    let size = number.parse::<f64>().ok()? * if unit.is_empty() { 1000.0 } else { 1.0 };
    Some(Part { size, quantity: format!("{number}{unit}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(amount: Result<Amount, Error>) -> String {
        let part = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        amount
            .map_or_else(|error| error.to_string(), |amount| format!("{} {}", part(amount.request), part(amount.limit)))
    }

    #[test]
    fn memory_in_the_units_of_kubernetes() {
        for (text, amount) in [
            ("512M", "- 512Mi"),
            ("512mb", "- 512Mi"),
            ("2G", "- 2Gi"),
            ("64K", "- 64Ki"),
            ("1048576B", "- 1048576"),
            ("256M/1g", "256Mi 1Gi"),
            ("0/512M", "0 512Mi"),
            ("0", "- -"),
        ] {
            assert_eq!(shown(memory(text)), amount, "{text}");
        }
        for text in ["", "512", "M", "-1M", "1.5G", "1T", "1M/", "/1M", "1M/0", "1M/1M/1M", "99999999999G", "1 M"] {
            assert_eq!(shown(memory(text)), MEMORY_FORMAT, "{text}");
        }
        assert_eq!(shown(memory("2G/1G")), "2G/1G: the request is larger than the limit");
    }

    #[test]
    fn processor_time() {
        for (text, amount) in [
            ("500m", "- 500m"),
            ("0.5", "- 0.5"),
            (".5", "- 0.5"),
            ("+2", "- 2"),
            ("250m/1", "250m 1"),
            ("0/1", "0 1"),
            ("0", "- -"),
        ] {
            assert_eq!(shown(cpu(text)), amount, "{text}");
        }
        for text in ["", "m", "-1", "1.", "1.5.5", "1g", "1/", "/1", "1/1/1", "NaN", "inf", "1e3"] {
            assert_eq!(shown(cpu(text)), CPU_FORMAT, "{text}");
        }
        assert_eq!(shown(cpu("2/500m")), "2/500m: the request is larger than the limit");
    }
}
