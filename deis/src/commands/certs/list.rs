use clap::Args;
use deis_api::rest::{Certificate, Time};
use deis_cli::{Failure, OutputArgs};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::context::{Context, PageArgs, ProfileArgs};

/// What stands for a time that is not known.
pub(super) const UNKNOWN: &str = "unknown";

const HEADERS: [&str; 8] =
    ["Name", "Common Name", "SubjectAltName", "Expires", "Fingerprint", "Domains", "Updated", "Created"];

/// List your certificates
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let certificates = session.list::<Certificate>(&["certs", ""], &self.page).await?;
        self.output.show(&mut context.ui, &certificates.results, |ui, results| {
            if results.is_empty() {
                return ui.line("No certs");
            }
            let today = date(Timestamp::now());
            let rows = results.iter().map(|certificate| cells(certificate, today)).collect::<Vec<_>>();
            let lines = ruled(&rows);
            let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
            let has_room = deis_cli::terminal_width().is_none_or(|width| widest <= usize::from(width));
            if has_room {
                lines.iter().try_for_each(|line| ui.line(line))?;
            } else {
                ui.line(deis_cli::table(HEADERS, rows))?;
            }
            if u64::try_from(results.len()).is_ok_and(|shown| shown < certificates.count) {
                ui.line(format_args!("({} of {})", results.len(), certificates.count))?;
            }
            Ok(())
        })
    }
}

fn cells(certificate: &Certificate, today: Date) -> [String; 8] {
    let day = |time: Time| date(time.timestamp()).strftime("%-d %b %Y").to_string();
    let expires = certificate
        .expires
        .map_or_else(|| UNKNOWN.to_owned(), |time| format!("{} ({})", day(time), left(date(time.timestamp()), today)));
    [
        certificate.name.clone(),
        certificate.common_name.clone().unwrap_or_default(),
        certificate.san.join(","),
        expires,
        ends(&certificate.fingerprint),
        certificate.domains.join(","),
        day(certificate.updated),
        day(certificate.created),
    ]
}

fn date(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// The difference of the years, else of the months, else of the days.
fn left(expires: Date, today: Date) -> String {
    if expires <= today {
        return "expired".to_owned();
    }
    let years = i32::from(expires.year()) - i32::from(today.year());
    let months = i32::from(expires.month()) - i32::from(today.month());
    let days = i32::from(expires.day()) - i32::from(today.day());
    let (count, unit) = [(years, "year"), (months, "month"), (days, "day")]
        .into_iter()
        .find(|(count, _)| *count > 0)
        .unwrap_or((1, "day"));
    format!("in {count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The first five and the last five characters; a shorter text as it is.
fn ends(fingerprint: &str) -> String {
    let characters = fingerprint.chars().collect::<Vec<_>>();
    match (characters.first_chunk::<5>(), characters.last_chunk::<5>()) {
        (Some(first), Some(last)) if characters.len() > 10 => {
            format!("{}[...]{}", first.iter().collect::<String>(), last.iter().collect::<String>())
        }
        _ => fingerprint.to_owned(),
    }
}

/// Headers in the middle of their columns, a rule below them, no border.
fn ruled<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        cells.chain(HEADERS.get(column).copied()).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = (0..N).map(width).collect::<Vec<_>>();
    let line = |cells: Vec<String>| format!("  {}", cells.join(" | ")).trim_end().to_owned();
    let headers = HEADERS.iter().zip(&widths).map(|(header, width)| format!("{header:^width$}")).collect();
    let rule = widths.iter().map(|width| format!("+{}", "-".repeat(width + 2))).collect::<String>() + "+";
    let rows =
        rows.iter().map(|row| line(row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect()));
    [line(headers), rule].into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_the_largest_unit() {
        let told = |expires: &str| left(expires.parse().unwrap(), "2016-11-20".parse().unwrap());
        for (expires, expected) in [
            ("2016-11-19", "expired"),
            ("2016-11-20", "expired"),
            ("2016-11-25", "in 5 days"),
            ("2016-12-01", "in 1 month"),
            ("2017-01-01", "in 1 year"),
            ("2018-11-01", "in 2 years"),
        ] {
            assert_eq!(told(expires), expected, "{expires}");
        }
    }

    #[test]
    fn a_fingerprint_is_shown_by_its_ends() {
        assert_eq!(ends("8F:8E:01:02:CD:EB"), "8F:8E[...]CD:EB");
        assert_eq!(ends("8F:8E"), "8F:8E");
    }
}
