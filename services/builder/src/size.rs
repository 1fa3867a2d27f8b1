//! Sizes for people.

/// As `du -h` and the original wrote them: "1.7M", "12M", "512K".
pub(crate) fn human(bytes: u64) -> String {
    let mut unit = "B";
    let mut tenths = bytes.saturating_mul(10);
    for next in ["K", "M", "G"] {
        if tenths < 10_240 {
            break;
        }
        tenths = tenths.div_ceil(1024);
        unit = next;
    }
    if tenths >= 100 || unit == "B" {
        format!("{}{unit}", tenths.div_ceil(10))
    } else {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (1_740_000, "1.7M"),
            (1 << 20, "1.0M"),
            (12 << 20, "12M"),
            ((12 << 20) + 1, "13M"),
            (3 << 30, "3.0G"),
            (5000 << 30, "5000G"),
        ] {
            assert_eq!(human(bytes), text, "{bytes}");
        }
    }
}
